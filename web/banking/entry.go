package banking

import (
	"net/http"

	"codebank.dev/platform/fault"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/people"
	"codebank.dev/web/site"
)

// entry is a page of somebody who has not signed in: a form with one button.
type entry struct {
	Title, Lead, Button, Action, Next string
	Fields                            []design.Field
	Message                           *design.Message
	Links                             []link
	// Hash is the field that takes the token behind # of a link in an e-mail.
	Hash string
	// Hidden are fields that the form carries on.
	Hidden []hidden
}

type link struct{ Path, Text string }

// whys are the parts of keys of texts that may stand above the form to sign in, with their tones.
var whys = map[string]string{
	"ended": "warn", "needed": "info", "confirmed": "good", "changed": "good", "out": "good", "everywhere": "good", "out-here": "warn",
}

func (b *Banking) showSignIn(v *site.Visit) error {
	if people.IsSignedIn(v) {
		return v.Redirect(v.Next("/"))
	}
	return b.askSignIn(v, nil, 0)
}

// askSignIn shows the form to sign in, with what is wrong.
func (b *Banking) askSignIn(v *site.Visit, wrong *design.Message, status int) error {
	page := entry{
		Title: v.Say("sign-in.title"), Lead: v.Say("sign-in.lead", b.config.BankName), Button: v.Say("sign-in.button"), Action: signIn, Next: v.Next(""), Message: wrong,
		Fields: []design.Field{emailField(v), {Name: "password", Label: v.Say("password"), Type: "password", Autocomplete: "current-password", Required: true, Max: 128}},
		Links:  []link{{"/sign-up", v.Say("sign-in.join")}, {"/forgot", v.Say("sign-in.forgot")}},
	}
	if why := v.Value("why"); wrong == nil && whys[why] != "" {
		page.Message = &design.Message{Tone: whys[why], Title: v.Say("why." + why)}
	}
	return v.Show(site.Page{Template: "entry", Title: page.Title, Data: page, Status: status})
}

func emailField(v *site.Visit) design.Field {
	return design.Field{
		Name: "email", Label: v.Say("email"), Type: "email", Autocomplete: "username", Inputmode: "email", Value: v.Value("email"), Required: true, Max: 254,
	}
}

// signIn opens a session, under a new id.
func (b *Banking) signIn(v *site.Visit) error {
	answer, err := b.people.Prove(v, v.Value("email"), v.Secret("password"))
	if err != nil {
		wrong := design.Message{Tone: "bad", Title: v.Say("sign-in.failed"), Text: v.Reason(err)}
		switch code := fault.CodeOf(err); code {
		case fault.Unauthenticated:
			return b.askSignIn(v, &design.Message{Tone: "bad", Title: v.Say("sign-in.wrong"), Text: v.Say("sign-in.wrong-text")}, http.StatusUnauthorized)
		case fault.InvalidArgument, fault.ResourceExhausted, fault.FailedPrecondition, fault.PermissionDenied:
			return b.askSignIn(v, &wrong, http.StatusUnprocessableEntity)
		}
		wrong.Text = v.Say("sign-in.away")
		return b.askSignIn(v, &wrong, http.StatusServiceUnavailable)
	}
	user, err := b.people.Welcome(v, answer)
	if err != nil {
		return err
	}
	v.Set(map[string]string{keyEmail: user.GetEmail()})
	return v.Redirect(v.Next("/"))
}

// signOut ends the session here and at identity.
func (b *Banking) signOut(v *site.Visit) error {
	why := "out"
	if b.people.SignOut(v) != nil {
		why = "out-here"
	}
	return v.Redirect(site.SignInPath(signIn, why, ""))
}

func (b *Banking) showSignUp(v *site.Visit) error {
	return showEntry(v, signUpPage(v), nil)
}

func signUpPage(v *site.Visit) entry {
	return entry{
		Title: v.Say("sign-up.title"), Lead: v.Say("sign-up.lead"), Button: v.Say("sign-up.button"), Action: "/sign-up",
		Fields: []design.Field{emailField(v)}, Links: []link{{signIn, v.Say("sign-up.known")}, {"/confirm", v.Say("sign-up.code")}},
	}
}

// signUp has an e-mail sent.
func (b *Banking) signUp(v *site.Visit) error {
	if _, err := b.identity.SignUp(v.Context(), &identityv1.SignUpRequest{Email: v.Value("email")}); err != nil {
		return showEntry(v, signUpPage(v), err)
	}
	return v.Redirect("/confirm?sent=1")
}

func (b *Banking) showForgot(v *site.Visit) error {
	return showEntry(v, forgotPage(v), nil)
}

func forgotPage(v *site.Visit) entry {
	return entry{
		Title: v.Say("forgot.title"), Lead: v.Say("forgot.lead"), Button: v.Say("forgot.button"), Action: "/forgot",
		Fields: []design.Field{emailField(v)}, Links: []link{{signIn, v.Say("sign-up.known")}},
	}
}

func (b *Banking) forgot(v *site.Visit) error {
	_, err := b.identity.RequestPasswordReset(v.Context(), &identityv1.RequestPasswordResetRequest{Email: v.Value("email")})
	if err != nil {
		return showEntry(v, forgotPage(v), err)
	}
	return v.Redirect("/reset?sent=1")
}

func (b *Banking) showConfirm(v *site.Visit) error {
	return showEntry(v, codePage(v, "confirm"), nil)
}

func (b *Banking) showReset(v *site.Visit) error {
	return showEntry(v, codePage(v, "reset"), nil)
}

// codePage is the page that takes the code of an e-mail and a new password.
func codePage(v *site.Visit, key string) entry {
	page := entry{
		Title: v.Say(key + ".title"), Lead: v.Say(key + ".lead"), Button: v.Say(key + ".button"), Action: "/" + key, Hash: "code",
		Fields: []design.Field{
			{Name: "code", Label: v.Say("code"), Help: v.Say("code.help"), Value: v.Value("code"), Autocomplete: "one-time-code", Required: true, Max: 200},
			{Name: "password", Label: v.Say("password.new"), Help: v.Say("password.help"), Type: "password", Autocomplete: "new-password", Required: true, Max: 128},
		},
		Links: []link{{signIn, v.Say("sign-up.known")}},
	}
	if v.Value("sent") != "" {
		page.Message = &design.Message{Tone: "good", Title: v.Say("sent.title"), Text: v.Say("sent.text")}
	}
	return page
}

func (b *Banking) confirm(v *site.Visit) error {
	_, err := b.identity.ConfirmSignUp(v.Context(), &identityv1.ConfirmSignUpRequest{Token: v.Value("code"), Password: v.Secret("password")})
	if err != nil {
		return showEntry(v, codePage(v, "confirm"), err)
	}
	return v.Redirect(site.SignInPath(signIn, "confirmed", ""))
}

func (b *Banking) reset(v *site.Visit) error {
	_, err := b.identity.ResetPassword(v.Context(), &identityv1.ResetPasswordRequest{Token: v.Value("code"), NewPassword: v.Secret("password")})
	if err != nil {
		return showEntry(v, codePage(v, "reset"), err)
	}
	return v.Redirect(site.SignInPath(signIn, "changed", ""))
}

// showEntry shows a form with the error of sending it, beside its field if it names one.
func showEntry(v *site.Visit, page entry, err error) error {
	if err == nil {
		return v.Show(site.Page{Template: "entry", Title: page.Title, Data: page})
	}
	wrong := wrongIn(v, err, map[string]string{"email": "email", "token": "code", "password": "password", "new_password": "password"})
	if wrong == nil && site.IsAway(err) {
		return err
	}
	if wrong == nil {
		page.Message = &design.Message{Tone: "bad", Title: v.Say("entry.refused"), Text: v.Reason(err)}
	}
	for i := range page.Fields {
		page.Fields[i].Error = wrong[page.Fields[i].Name]
	}
	return v.Show(site.Page{Template: "entry", Title: page.Title, Data: page, Status: http.StatusUnprocessableEntity})
}
