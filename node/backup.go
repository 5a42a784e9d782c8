package node

const stagingFolder = "restore.new"
