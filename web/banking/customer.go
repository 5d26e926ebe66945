package banking

import (
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/web/people"
	"codebank.dev/web/site"
)

// keyEmail is where the session keeps the e-mail address of the user.
const keyEmail = "email"

// customer is a visit of a signed-in user. Calls with its context are made for him.
type customer struct {
	*site.Visit
	user, email string
}

// handler answers a visit of a signed-in user.
type handler func(*customer) error

// called lets the calls of a visit say where it comes from.
func (b *Banking) called(handle site.Handler) site.Handler {
	return func(v *site.Visit) error {
		b.people.Call(v)
		return handle(v)
	}
}

// mine lets signed-in users in, and leads everybody else to the page to sign in on.
func (b *Banking) mine(handle handler) site.Handler {
	return b.called(func(v *site.Visit) error {
		if !people.IsSignedIn(v) {
			return v.Redirect(v.SignInPath("needed"))
		}
		if err := b.people.Act(v); err != nil {
			return err
		}
		return handle(&customer{Visit: v, user: people.User(v), email: v.Get(keyEmail)})
	})
}

// idOf returns the id behind the last slash of a name such as accounts/{uuid}.
func idOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// wrongIn returns what an error says about a field, if it names one of these; names are those of the form, by those of
// the contract.
func wrongIn(v *site.Visit, err error, names map[string]string) map[string]string {
	known := fault.Of(err)
	name, ours := names[known.Field]
	if !ours || known.Code != fault.InvalidArgument && known.Code != fault.NotFound && known.Code != fault.FailedPrecondition {
		return nil
	}
	return map[string]string{name: v.Reason(err)}
}
