package identity_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/linnet-im/linnet/node/identity"
)

// A person lost the computer and has the paper, written in two columns.
func ExampleParsePhrase() {
	paper := `
		1. dignity     13. multiply
		2. pass        14. desk
		3. lsit        15. host
		4. indicate    16. tomato
		5. nasty       17. cradle
		6. swamp       18. drill
		7. pool        19. spread
		8. script      20. actor
		9. soccer      21. shine
		10. toe        22. dismiss
		11. leaf       23. champion
		12. photo      24. exotic`
	_, err := identity.ParsePhrase(paper)
	fmt.Println(err)

	paper = strings.Replace(paper, "lsit", "list", 1)
	anna, err := identity.ParsePhrase(paper)
	fmt.Println(anna.Phrase().Matches(3, "list"), err)

	paper = strings.Replace(paper, "8. script ", "9. script ", 1)
	paper = strings.Replace(paper, "9. soccer ", "8. soccer ", 1)
	_, err = identity.ParsePhrase(paper)
	fmt.Println(err)
	// Output:
	// identity: word 3, "lsit", is not a word of recovery phrases; is it "list"?
	// true <nil>
	// identity: each word is right by itself, but together they are no recovery phrase: two are swapped, or one is another word
}

// Anna removes a phone; Ben, who heard of it from somebody else, sees the same.
func ExampleDeviceList_Merge() {
	anna, err := identity.NewAccount()
	if err != nil {
		panic(err)
	}
	phone, err := identity.NewDevice()
	if err != nil {
		panic(err)
	}
	now := time.Now()
	cert, err := identity.OpenCertificate(anna.Certify(phone.Public(), now))
	if err != nil {
		panic(err)
	}
	gone, err := identity.OpenRevocation(anna.Revoke(phone.Public(), now.Add(time.Hour), now))
	if err != nil {
		panic(err)
	}
	known, err := identity.NewDeviceList(anna.Public(), []identity.Certificate{cert}, nil)
	if err != nil {
		panic(err)
	}
	news, err := identity.NewDeviceList(anna.Public(), nil, []identity.Revocation{gone})
	if err != nil {
		panic(err)
	}
	after, err := known.Merge(news)
	fmt.Println(known.Active(phone.Public()), after.Active(phone.Public()), err)
	// Output: true false <nil>
}
