package seal

import "errors"

// Errors of a session. Each says whether to wait, to tell a person, or to blame the writer.
var (
	// ErrPending means that what opens the record has not arrived yet: offer it
	// again when News names its epoch, a past again after SetPast. Where the epoch's
	// own record is nowhere to be had any more, it stays so: tell by the time.
	ErrPending = errors.New("seal: the key of this record has not arrived yet")
	// ErrNotForMe means that the record was sealed without this device, which
	// joined later or was removed. Only a past from an inviter can change that.
	ErrNotForMe = errors.New("seal: sealed before this device belonged to the topic")
	// ErrExpired means that the key was erased: used before, or older than Window.
	ErrExpired = errors.New("seal: the key of this record was erased")
	// ErrLost means that an epoch cannot be opened with any key of this device: it
	// was sealed to a prekey that is gone, or its starter sealed nonsense. The
	// session starts a new one, which everybody goes on in.
	ErrLost = errors.New("seal: the epoch cannot be opened by this device")
	// ErrOwn means that the record is this device's own, whose key it erased when
	// it sealed it. The caller knows what it wrote.
	ErrOwn = errors.New("seal: a record of this device")
	// ErrForged means that the record's writer broke the protocol.
	ErrForged = errors.New("seal: does not open with its key")
	// ErrForm means that bytes are provably no body of this version.
	ErrForm = errors.New("seal: malformed")
	// ErrVersion means that the body is of a later version of Linnet.
	ErrVersion = errors.New("seal: a version that this program does not know")
	// ErrNotMember means that this device is no member and seals nothing.
	ErrNotMember = errors.New("seal: this device is not a member")
	// ErrNoPrekey means that nobody can be sealed to yet: keep the text, and seal it
	// when News tells of a prekey.
	ErrNoPrekey = errors.New("seal: no prekey of another member is known yet")
	// ErrLimit means that a text, a membership or a setting is over a limit.
	ErrLimit = errors.New("seal: over a limit")
	// ErrNoPast means that the topic gives newcomers no past, or that none is kept.
	ErrNoPast = errors.New("seal: no past to give")
	// ErrState means that stored rows are damaged or of a later version.
	ErrState = errors.New("seal: damaged state")
)
