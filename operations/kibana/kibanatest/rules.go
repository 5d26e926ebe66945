package kibanatest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// required are the members that the creation of a rule must have; changeable are those that
// its change may have.
var (
	required   = []string{"name", "rule_type_id", "consumer", "schedule", "params"}
	changeable = []string{"name", "schedule", "params", "actions", "tags", "throttle", "notify_when", "alert_delay", "flapping"}
	allowed    = append([]string{"rule_type_id", "consumer", "enabled"}, changeable...)
)

// rule answers the requests for one rule.
func (k *Kibana) rule(w http.ResponseWriter, r *http.Request, name string) {
	held := k.rules[name]
	_, id, _ := strings.Cut(name, " ")
	on := Writes
	if r.Method == http.MethodGet {
		on = Reads
	}
	if k.refuses(w, on, "rule/"+id) {
		return
	}
	if r.Method == http.MethodGet {
		if held == nil {
			refuse(w, http.StatusNotFound, "Saved object [alert/"+name+"] not found")
			return
		}
		answer(w, http.StatusOK, held)
		return
	}
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, "Invalid request payload JSON format")
		return
	}
	may := allowed
	if r.Method == "PUT" {
		may = changeable
	}
	for member := range body {
		if !slices.Contains(may, member) {
			refuse(w, http.StatusBadRequest, "[request body."+member+"]: definition for this key is missing")
			return
		}
	}
	switch {
	case r.Method == "POST" && (held != nil || k.elsewhere(name)):
		refuse(w, http.StatusConflict, "Saved object [alert/"+name+"] conflict")
		return
	case r.Method == "PUT" && held == nil:
		refuse(w, http.StatusNotFound, "Saved object [alert/"+name+"] not found")
		return
	case r.Method == "POST":
		for _, member := range required {
			if body[member] == nil {
				refuse(w, http.StatusBadRequest, "[request body."+member+"]: expected value but got [undefined]")
				return
			}
		}
		held = map[string]any{
			"id": name, "enabled": true, "actions": []any{}, "tags": []any{}, "mute_all": false, "muted_alert_ids": []any{},
			"created_at": "2026-01-02T03:04:05.000Z", "revision": 0, "execution_status": map[string]any{"status": "pending"},
		}
		k.rules[name] = held
	}
	k.writes++
	maps.Copy(held, body)
	// The members that the rule's type adds.
	params := held["params"].(map[string]any)
	if _, given := params["excludeHitsFromPreviousRun"]; !given {
		params["excludeHitsFromPreviousRun"] = true
	}
	answer(w, http.StatusOK, held)
}

// elsewhere reports whether another space has a rule with the id of this one.
func (k *Kibana) elsewhere(name string) bool {
	_, id, _ := strings.Cut(name, " ")
	for other := range k.rules {
		if _, has, _ := strings.Cut(other, " "); has == id && other != name {
			return true
		}
	}
	return false
}
