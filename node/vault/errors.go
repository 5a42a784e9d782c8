package vault

import "errors"

// Errors. Their texts are for people who do not know what a key is: what happened
// and what to do.
var (
	ErrLocked         = errors.New("vault: your data is locked: type your passphrase")
	ErrPassphrase     = errors.New("vault: this is not the passphrase: try again, capital letters and spaces count")
	ErrPassphraseForm = errors.New("vault: a passphrase needs at least one letter and has at most 1,024 bytes")
	ErrSame           = errors.New("vault: the two passphrases are the same: choose another one for emergencies")
	ErrDamaged        = errors.New("vault: the file that unlocks your data is damaged: put a copy of it back, or restore from a backup")
	ErrNewer          = errors.New("vault: a newer version of Linnet wrote this: update Linnet")
	ErrMissing        = errors.New("vault: the file that unlocks your data is gone: put it back, or restore from a backup")
	ErrKeyring        = errors.New("vault: this computer's password store does not answer: unlock it and try again; where there is none, use a passphrase instead")
	ErrSecret         = errors.New("vault: this computer's password store does not have what unlocks your data: use the computer and the user account on which you set it up, or restore from a backup")
	ErrChanged        = errors.New("vault: the file that unlocks your data was changed by another program: start Linnet again")
	ErrLeftover       = errors.New("vault: the change was made, but the old file could not be destroyed: start Linnet again to try once more")
	ErrUnfinished     = errors.New("vault: not everything could be deleted: start Linnet again to go on")
	ErrClosed         = errors.New("vault: closed")

	// Errors of a backup file; ErrNewer is one of them too.
	ErrBackupPassphrase = errors.New("vault: this is not the passphrase of the backup: try again, capital letters and spaces count (or the file is damaged at its beginning)")
	ErrNotBackup        = errors.New("vault: this file is not a backup of Linnet: choose another one")
	ErrCut              = errors.New("vault: the backup ends too early or is damaged at its end: copy it again from where it was made")
	ErrBackupDamaged    = errors.New("vault: the backup is damaged: use another copy of it")
)
