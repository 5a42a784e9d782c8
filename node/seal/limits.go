package seal

// Times are milliseconds.
const (
	minute = int64(60 * 1000)
	hour   = 60 * minute
	day    = 24 * hour
)

// Limits of version 1 (PROTOCOL.md §11.7).
const (
	MaxBody      = 60 << 10    // bytes of a body that a session makes or takes
	MaxPlaintext = 56<<10 - 1  // bytes that one record can hold sealed
	MaxMembers   = 512         // member devices of a topic
	MaxPast      = 4096        // records in Past.Last
	MaxRecords   = 1000        // records in an epoch after which the next is due
	MaxAge       = 7 * day     // age of an epoch or prekey after which the next is due
	Window       = 30 * day    // how long keys are kept for what comes late
	maxAhead     = 10 * minute // how far an epoch's start may lie after its record's time
	renewUsed    = 1 * day     // private: age after which a prekey that was used is renewed
	turnWait     = 2 * minute  // between the devices that start a due epoch though nobody writes
	sweepEvery   = 1 * hour    // between two looks at what is past its window
	maxIdle      = 1 * day     // of the time between two looks that Window counts
	treeDepth    = 10          // of a chain: 1,024 records
	chainLength  = 1 << treeDepth
	maxPrekeys   = 1024    // own private halves, and others' public ones
	maxEpochs    = 4096    // open epochs
	maxByStarter = 1024    // open epochs of one starter
	maxChains    = 1 << 17 // members of all open epochs together
	maxClosed    = 4096    // epochs remembered although they cannot be opened
	maxGap       = 64      // epochs of one starter that came before all its earlier records
)
