package api

// Code names an error for programs. Texts may change, codes do not.
type Code string

// All codes. The table in desktop/server maps them to errors and to HTTP
// status, the one in cmd/linnet to exit codes.
const (
	CodeBadRequest    Code = "bad_request"          // 400: not JSON, unknown shape
	CodeInvalid       Code = "invalid"              // 422: a field breaks a rule; Params names it
	CodeUnauthorized  Code = "unauthorized"         // 401: no token, a wrong one, or one that has died
	CodeForbiddenSite Code = "forbidden_site"       // 403: the request comes from another web site
	CodeMayNotPost    Code = "may_not_post"         // 403
	CodeMayNotChange  Code = "may_not_change"       // 403
	CodeNotSealed     Code = "not_sealed"           // 409: only a private topic has members
	CodeNoAccount     Code = "no_account"           // 409: only the first device can do that
	CodeNotYet        Code = "not_admitted"         // 409: whoever invited this device has not let it in yet
	CodeNotFound      Code = "not_found"            // 404
	CodeMethod        Code = "method_not_allowed"   // 405
	CodeConflict      Code = "idempotency_conflict" // 409: the key was used for another request
	CodeTooLarge      Code = "too_large"            // 413
	CodeMediaType     Code = "media_type"           // 415: not application/json
	CodeWrongHost     Code = "wrong_host"           // 421
	CodeBadLink       Code = "bad_link"             // 422
	CodeBadAddress    Code = "bad_address"          // 422
	CodeBadCursor     Code = "bad_cursor"           // 422
	CodeTooMany       Code = "too_many_requests"    // 429
	CodeUnreachable   Code = "unreachable"          // 502: nobody answered at that address
	CodeNotReady      Code = "not_ready"            // 409: the topic's first record has not arrived yet
	CodeNotBuilt      Code = "not_in_this_version"  // 501
	CodeLocked        Code = "locked"               // 423: the passphrase was not typed yet, or Linnet locked itself
	CodePassphrase    Code = "wrong_passphrase"     // 403
	CodeNotProtected  Code = "not_protected"        // 409: nothing would keep anybody out
	CodeNotEmpty      Code = "not_empty"            // 409: a backup is restored where there is nothing yet
	CodeNoKeyring     Code = "no_keyring"           // 409: this system has no keyring that answers
	CodeNoBridge      Code = "no_bridge"            // 409: this node is no bridge
	CodeFixed         Code = "set_at_start"         // 409: it was given when Linnet was started
	CodeReopening     Code = "reopening"            // 503: the node opens again with other settings; ask again in a second
	CodeDiskFull      Code = "disk_full"            // 507
	CodeStopping      Code = "stopping"             // 503
	CodeInternal      Code = "internal"             // 500
)

// Problem is the body of every error answer, media type
// application/problem+json (RFC 9457). Title says what happened, Detail why and
// what to do next.
type Problem struct {
	Type   string            `json:"type"`
	Title  string            `json:"title"`
	Status int               `json:"status"`
	Detail string            `json:"detail,omitempty"`
	Code   Code              `json:"code"`
	Params map[string]string `json:"params,omitempty"`
}

// Error makes a Problem an error.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}
