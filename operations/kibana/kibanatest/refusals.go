package kibanatest

import (
	"net/http"
	"path"
	"slices"
)

// The messages with which a Kibana 8.12 refuses, as far as they depend on nothing else.
const (
	// WithoutPrivilege refuses the creation of a rule to a user without the privilege.
	WithoutPrivilege = `Unauthorized by "stackAlerts" to create ".index-threshold" rule`
	// WithoutLicence refuses a rule that the licence does not include.
	WithoutLicence = "Rule .es-query is disabled because it requires a Gold license. Go to License Management to view upgrade options."
	// WithoutConnectorType refuses a rule with an action of a disabled type.
	WithoutConnectorType = `action type ".slack" is not enabled in the Kibana config xpack.actions.enabledActionTypes`
	// WithoutRuleType refuses a rule of a type that is not there.
	WithoutRuleType = `Rule type ".es-query" is not registered.`
	// WithoutFeature refuses a path that no feature serves.
	WithoutFeature = "Not Found"
	// InvalidKey refuses an API key that does not exist or has expired.
	InvalidKey = "[security_exception\n\tRoot causes:\n\t\tsecurity_exception: unable to authenticate with provided credentials and " +
		"anonymous access is not allowed for this request]: unable to authenticate with provided credentials"
	// InternalError is the message of a failure.
	InternalError = "An internal server error occurred. Check Kibana server logs for details."
)

// The values of Refusal.On.
const (
	Reads  = "reads"
	Writes = "writes"
)

// Refusal is what a Kibana refuses, and with which answer.
type Refusal struct {
	// Of matches names, as path.Match does: rule/quiet, tag/*, space/risk, status/. A
	// request for several saved objects is refused as a whole if one of them matches.
	Of string
	// On is Reads or Writes, or "" for both.
	On string
	// Status and Message are the answer. A Status of 200 is an answer that it was done,
	// although nothing was done.
	Status  int
	Message string
	// Times is how often it refuses; 0 is always.
	Times int
}

// Refuse adds refusals.
func (k *Kibana) Refuse(refusals ...Refusal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, refusal := range refusals {
		k.refusals = append(k.refusals, &refusal)
	}
}

// Allow removes all refusals.
func (k *Kibana) Allow() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refusals = nil
}

// refuses answers a request that must be refused, and reports whether it did.
func (k *Kibana) refuses(w http.ResponseWriter, on string, names ...string) bool {
	for i, refusal := range k.refusals {
		matches := func(name string) bool {
			matched, err := path.Match(refusal.Of, name)
			return err == nil && matched
		}
		if refusal.On != "" && refusal.On != on || !slices.ContainsFunc(names, matches) {
			continue
		}
		if refusal.Times > 0 {
			if refusal.Times--; refusal.Times == 0 {
				k.refusals = slices.Delete(k.refusals, i, i+1)
			}
		}
		if refusal.Status == http.StatusOK {
			answer(w, http.StatusOK, map[string]any{})
		} else {
			refuse(w, refusal.Status, refusal.Message)
		}
		return true
	}
	return false
}
