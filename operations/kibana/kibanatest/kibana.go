// Package kibanatest is a fake Kibana for tests, with the interfaces for saved objects,
// spaces and alert rules. It can refuse what a real one refuses (Refuse). Its answers are those that a real Kibana 8.12 gave. It refuses
// the same requests, with the same status and message. As in Kibana since 8.0, an id is
// unique over all spaces: an object whose id another space has is imported under a new id,
// and a rule whose id another space has is refused.
package kibanatest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Kibana is a Kibana that runs until the test ends. Its fields are set before the first
// request.
type Kibana struct {
	// URL is its address.
	URL string
	// Starting is how many requests it answers with "not ready".
	Starting int
	// APIKey, User and Password are the credentials that it requires; it requires none if all
	// are empty.
	APIKey, User, Password string
	// Spaces are the spaces apart from the default one.
	Spaces []string
	// Migrate, unless nil, changes the attributes of an imported object, as a newer Kibana
	// does with an object of an older one.
	Migrate func(kind string, attributes map[string]any)
	// Newest are the newest known versions of the types; nil means those of 8.12.
	Newest map[string]string

	mu       sync.Mutex
	refusals []*Refusal
	objects  map[string]*object // by space, type and id
	rules    map[string]map[string]any
	imports  int
	writes   int
	newIDs   int
	seen     []string // headers of every request that names credentials
}

// object is a saved object.
type object struct {
	Type       string           `json:"type"`
	ID         string           `json:"id"`
	Attributes map[string]any   `json:"attributes"`
	References []map[string]any `json:"references"`
	// OriginID is the id that the object was imported under, if its own id is another.
	OriginID string `json:"originId,omitempty"`
	Core     string `json:"coreMigrationVersion,omitempty"`
	Typed    string `json:"typeMigrationVersion,omitempty"`
	// The members that belong to one Kibana.
	UpdatedAt  string   `json:"updated_at,omitempty"`
	CreatedAt  string   `json:"created_at,omitempty"`
	Version    string   `json:"version,omitempty"`
	Namespaces []string `json:"namespaces,omitempty"`
	Managed    bool     `json:"managed"`
}

// Start returns a Kibana that listens at URL.
func Start(t *testing.T) *Kibana {
	t.Helper()
	k := New()
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	k.URL = server.URL
	return k
}

// New returns a Kibana that does not listen. The caller serves it.
func New() *Kibana {
	return &Kibana{objects: map[string]*object{}, rules: map[string]map[string]any{}}
}

// ServeHTTP answers one request.
func (k *Kibana) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Starting > 0 {
		k.Starting--
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("Kibana server is not ready yet"))
		return
	}
	if !k.allowed(r) {
		refuse(w, http.StatusUnauthorized, "[security_exception]: missing authentication credentials for REST request")
		return
	}
	space, path := "default", r.URL.Path
	if below, ok := strings.CutPrefix(path, "/s/"); ok {
		space, path, _ = strings.Cut(below, "/")
		path = "/" + path
	}
	if r.Method != http.MethodGet && r.Header.Get("kbn-xsrf") == "" {
		refuse(w, http.StatusBadRequest, "Request must contain a kbn-xsrf header.")
		return
	}
	switch route := r.Method + " " + path; {
	case route == "GET /api/status":
		if k.refuses(w, Reads, "status/") {
			return
		}
		answer(w, http.StatusOK, map[string]any{"status": map[string]any{"overall": map[string]string{"level": "available"}}})
	case route == "POST /api/saved_objects/_import":
		k.takeImport(w, r, space)
	case route == "POST /api/saved_objects/_export":
		k.giveExport(w, r, space)
	case strings.HasPrefix(route, "GET /api/spaces/space/"):
		k.giveSpace(w, strings.TrimPrefix(path, "/api/spaces/space/"))
	case strings.HasPrefix(path, "/api/alerting/rule/"):
		k.rule(w, r, space+" "+strings.TrimPrefix(path, "/api/alerting/rule/"))
	default:
		refuse(w, http.StatusNotFound, "Not Found")
	}
}

func (k *Kibana) allowed(r *http.Request) bool {
	if given := r.Header.Get("Authorization"); given != "" {
		k.seen = append(k.seen, given)
	}
	if k.APIKey == "" && k.User == "" {
		return true
	}
	if k.APIKey != "" && r.Header.Get("Authorization") == "ApiKey "+k.APIKey {
		return true
	}
	user, password, ok := r.BasicAuth()
	return ok && k.User != "" && user == k.User && password == k.Password
}

func (k *Kibana) giveSpace(w http.ResponseWriter, name string) {
	if k.refuses(w, Reads, "space/"+name) {
		return
	}
	if name != "default" && !slices.Contains(k.Spaces, name) {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	answer(w, http.StatusOK, map[string]any{"id": name, "name": name, "disabledFeatures": []string{}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"statusCode": status, "error": http.StatusText(status), "message": message})
}

// Imports returns how many files were imported, whole or in part.
func (k *Kibana) Imports() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.imports
}

// Writes returns how many objects and rules were written, including those whose content
// did not change.
func (k *Kibana) Writes() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.writes
}

// Attributes returns the attributes of an object in the default space, or nil if there is
// none.
func (k *Kibana) Attributes(kind, id string) map[string]any {
	return k.AttributesIn("default", kind, id)
}

// AttributesIn returns the attributes of an object in a space, or nil if there is none.
func (k *Kibana) AttributesIn(space, kind, id string) map[string]any {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o := k.destination(space, kind, id); o != nil {
		return o.Attributes
	}
	return nil
}

// Change changes an object of the default space, as a user does.
func (k *Kibana) Change(kind, id string, change func(attributes map[string]any)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o := k.objects[place("default", kind, id)]
	change(o.Attributes)
	o.UpdatedAt = "2026-03-04T05:06:07.000Z"
}

// Rule returns a rule of the default space, or nil if there is none.
func (k *Kibana) Rule(id string) map[string]any {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rules["default "+id]
}

func place(space, kind, id string) string { return space + " " + kind + " " + id }
