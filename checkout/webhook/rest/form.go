package rest

import (
	"encoding/json"
	"net/http"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/webhook"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/serve"
)

// The members of a body.
const (
	urlMember         = "url"
	descriptionMember = "description"
	typesMember       = "event_types"
	enabledMember     = "enabled"
)

// readNew reads the body that asks for an endpoint.
func readNew(r *http.Request, mode payment.Mode) (settings webhook.EndpointSettings, err error) {
	change, err := readChange(r)
	if err != nil {
		return settings, err
	}
	if change.url == nil {
		return settings, field.Required(urlMember)
	}
	settings = webhook.EndpointSettings{Types: webhook.Outcomes(), Enabled: true}
	return settings, change.apply(mode)(&settings)
}

// change is what a body says about an endpoint; nil where it says nothing.
type change struct {
	url, description *string
	types            []webhook.Type
	enabled          *bool
}

// readChange reads the body that changes an endpoint.
func readChange(r *http.Request) (c change, err error) {
	body, err := serve.ReadObject(r, urlMember, descriptionMember, typesMember, enabledMember)
	if err != nil {
		return c, err
	}
	for name, into := range map[string]**string{urlMember: &c.url, descriptionMember: &c.description} {
		if body.Has(name) {
			text, err := body.Text(name)
			if err != nil {
				return c, err
			}
			*into = &text
		}
	}
	if body.Has(enabledMember) {
		enabled, err := body.Bool(enabledMember, true)
		if err != nil {
			return c, err
		}
		c.enabled = &enabled
	}
	if body.Has(typesMember) {
		if json.Unmarshal(body[typesMember], &c.types) != nil || c.types == nil || len(c.types) > maxTypes {
			return c, errTypesForm
		}
	}
	return c, nil
}

// maxTypes bounds a list of types, which may name one twice.
const maxTypes = 64

var errTypesForm = fault.Invalid(typesMember, "The event types are a list of strings.")

// apply returns what makes the change, if an endpoint of the mode may have it.
func (c *change) apply(mode payment.Mode) func(*webhook.EndpointSettings) error {
	return func(settings *webhook.EndpointSettings) error {
		if c.url != nil {
			settings.URL = *c.url
		}
		if c.description != nil {
			settings.Description = *c.description
		}
		if c.types != nil {
			settings.Types = c.types
		}
		if c.enabled != nil {
			settings.Enabled = *c.enabled
		}
		return settings.Check(mode)
	}
}
