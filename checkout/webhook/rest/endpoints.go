package rest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/view"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/postgres"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
)

// endpointView is an endpoint as merchants read it.
type endpointView struct {
	ID          string         `json:"id"`
	Mode        string         `json:"mode"`
	URL         string         `json:"url"`
	Description string         `json:"description"`
	EventTypes  []webhook.Type `json:"event_types"`
	Enabled     bool           `json:"enabled"`
	// DisabledReason is merchant, gone or failing; nil for an enabled one.
	DisabledReason *string `json:"disabled_reason"`
	// FailingSince is since when every try has failed; nil if the last one has not.
	FailingSince *view.Time `json:"failing_since"`
	CreatedAt    view.Time  `json:"created_at"`
	UpdatedAt    view.Time  `json:"updated_at"`
	Version      int64      `json:"version"`
	// Secret is shown by the answer that makes it, and never again.
	Secret string `json:"secret,omitempty"`
}

func viewOf(e *webhook.Endpoint) endpointView {
	shown := endpointView{
		ID: e.ID.String(), Mode: strings.ToLower(e.Mode.String()), URL: e.URL, Description: e.Description, EventTypes: e.Types, Enabled: e.Enabled,
		FailingSince: view.TimeOrNil(e.FailingSince), CreatedAt: view.Time(e.CreatedAt), UpdatedAt: view.Time(e.ChangedAt), Version: e.Version,
	}
	if e.DisabledWhy != webhook.NotDisabled {
		why := strings.ToLower(string(e.DisabledWhy))
		shown.DisabledReason = &why
	}
	return shown
}

func tagOf(e *webhook.Endpoint) string { return strconv.FormatInt(e.Version, 10) }

// write answers a change with the endpoint as it is then.
func write(w http.ResponseWriter, status int, e *webhook.Endpoint, secret string) error {
	shown := viewOf(e)
	shown.Secret = secret
	w.Header().Set("ETag", `"`+tagOf(e)+`"`)
	if secret != "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	return serve.WriteJSON(w, status, shown)
}

func (s *Server) listEndpoints(w http.ResponseWriter, r *http.Request) error {
	owner, _, err := s.owner(r)
	if err != nil {
		return err
	}
	found, err := s.config.Store.Endpoints(r.Context(), owner)
	if err != nil {
		return err
	}
	answer := struct {
		Endpoints []endpointView `json:"webhook_endpoints"`
	}{make([]endpointView, 0, len(found))}
	for i := range found {
		answer.Endpoints = append(answer.Endpoints, viewOf(&found[i]))
	}
	return serve.WriteTagged(w, r, "", answer)
}

func (s *Server) getEndpoint(w http.ResponseWriter, r *http.Request) error {
	name, _, err := s.named(r)
	if err != nil {
		return err
	}
	found, err := s.config.Store.Endpoint(r.Context(), name.Owner, name.ID)
	if err != nil {
		return err
	}
	return serve.WriteTagged(w, r, tagOf(&found), viewOf(&found))
}

// createEndpoint makes an endpoint. A repeat is answered with the same endpoint, as it is now, and its newest secret:
// so a merchant whose answer was lost has not lost the secret.
func (s *Server) createEndpoint(w http.ResponseWriter, r *http.Request) error {
	owner, _, err := s.owner(r)
	if err != nil {
		return err
	}
	key, err := serve.OnlyHeader(r, payment.KeyHeader)
	if err != nil {
		return err
	}
	name, err := webhook.EndpointID(owner, key)
	if err != nil {
		return err
	}
	settings, err := readNew(r, owner.Mode)
	if err != nil {
		return err
	}
	now := s.config.Now()
	record := s.config.Origin.Record(r, now, checkout.ActCreateEndpoint, resource(name))
	created, err := s.config.Store.Create(r.Context(), &webhook.Endpoint{ID: name, Owner: owner, EndpointSettings: settings, CreatedAt: now}, record)
	if err != nil {
		return err
	}
	serve.SetReplayed(w, created.Known)
	w.Header().Set("Location", "/v1/webhook-endpoints/"+created.Endpoint.ID.String())
	return write(w, http.StatusCreated, &created.Endpoint, created.Secret.Reveal())
}

// resource is the name of an endpoint in the audit log.
func resource(endpoint id.ID) string { return "webhook-endpoints/" + endpoint.String() }

// record puts the record of an act into the name of the endpoint that it changes, and returns the time of the act.
func (s *Server) record(r *http.Request, name *postgres.Name, act auditlog.Act) time.Time {
	now := s.config.Now()
	name.Record = s.config.Origin.Record(r, now, act, resource(name.ID))
	return now
}

func (s *Server) updateEndpoint(w http.ResponseWriter, r *http.Request) error {
	name, _, err := s.named(r)
	if err != nil {
		return err
	}
	change, err := readChange(r)
	if err != nil {
		return err
	}
	now := s.record(r, &name, checkout.ActUpdateEndpoint)
	changed, err := s.config.Store.Change(r.Context(), name, now, change.apply(name.Mode))
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, &changed, "")
}

func (s *Server) deleteEndpoint(w http.ResponseWriter, r *http.Request) error {
	name, _, err := s.named(r)
	if err == nil {
		now := s.record(r, &name, checkout.ActDeleteEndpoint)
		err = s.config.Store.Delete(r.Context(), name, now)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// rotateSecret gives an endpoint a new secret. The one from before signs too for a day.
func (s *Server) rotateSecret(w http.ResponseWriter, r *http.Request) error {
	name, _, err := s.named(r)
	if err != nil {
		return err
	}
	now := s.record(r, &name, checkout.ActRotateWebhookSecret)
	rotated, secret, err := s.config.Store.Rotate(r.Context(), name, now)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, &rotated, secret.Reveal())
}
