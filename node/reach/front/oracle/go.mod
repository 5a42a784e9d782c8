module github.com/linnet-im/linnet/node/reach/front/oracle

go 1.26.6

require github.com/apernet/OpenGFW v0.4.1
