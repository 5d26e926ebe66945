package banking

import (
	"errors"

	"codebank.dev/platform/fault"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
)

const securityPath = "/security"

// security is the page of sessions.
type security struct {
	Email    string
	Sessions []shownSession
}

type shownSession struct {
	Name, Device, Detail string
	Chip                 *design.Chip
	Current              bool
}

func (b *Banking) showSecurity(c *customer) error {
	c.Tab("security")
	answer, err := b.identity.ListSessions(c.Context(), &identityv1.ListSessionsRequest{})
	if err != nil {
		return err
	}
	page := security{Email: c.email}
	for _, one := range answer.GetSessions() {
		shown := shownSession{
			Name: idOf(one.GetName()), Device: first(one.GetDevice(), c.Say("security.unknown")), Current: one.GetCurrent(),
			Detail: join(c.Say("security.used", c.Moment(one.GetUseTime().AsTime())), c.Say("security.since", c.Day(one.GetCreateTime().AsTime())), one.GetAddress()),
		}
		if one.GetCurrent() {
			shown.Chip = &design.Chip{Tone: "good", Word: c.Say("security.this")}
		}
		page.Sessions = append(page.Sessions, shown)
	}
	return c.Show(site.Page{Template: "security", Title: c.Say("tab.security"), Data: page})
}

// endSession signs one device out.
func (b *Banking) endSession(c *customer) error {
	_, err := b.identity.EndSession(c.Context(), &identityv1.EndSessionRequest{Name: "sessions/" + idOf(c.Value("session"))})
	if err != nil {
		return err
	}
	return c.Redirect(securityPath)
}

// endAll signs every device out, this one last, so that whatever fails can be tried again.
func (b *Banking) endAll(c *customer) error {
	answer, err := b.identity.ListSessions(c.Context(), &identityv1.ListSessionsRequest{})
	if err != nil {
		return err
	}
	var failures []error
	for _, one := range answer.GetSessions() {
		if one.GetCurrent() {
			continue
		}
		_, err := b.identity.EndSession(c.Context(), &identityv1.EndSessionRequest{Name: one.GetName()})
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			failures = append(failures, err)
		}
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	if err := b.people.Revoke(c.Visit); err != nil {
		return err
	}
	c.End()
	return c.Redirect(site.SignInPath(signIn, "everywhere", ""))
}
