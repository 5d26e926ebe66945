package schemaregistry_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/provision"
	"codebank.dev/operations/schemaregistry"
)

const (
	subject = "bank-001.transactions.v1-value"
	first   = `{"type":"record","name":"E","fields":[]}`
	second  = `{"type":"record","name":"E","fields":[{"name":"a","type":["null","string"],"default":null}]}`
	broken  = `{"type":"record","name":"E","fields":[{"name":"incompatible","type":"int"}]}`
)

// stub is a registry as Apicurio's Confluent interface behaves: a level cannot be
// set on a subject that is not there, and without one anything is let in.
type stub struct {
	mu       sync.Mutex
	subjects map[string][]string
	levels   map[string]string
	starting int      // how many requests are answered 503 first
	deaf     bool     // accepts a level and keeps none
	raced    string   // a level that another provisioner sets just before ours, which is refused then
	writes   []string // what was changed, in order
	auth     string
}

func newStub(t *testing.T) (*stub, *schemaregistry.Registry) {
	t.Helper()
	s := &stub{subjects: map[string][]string{}, levels: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /base/subjects/{subject}/versions", s.versions)
	mux.HandleFunc("POST /base/subjects/{subject}/versions", s.register)
	mux.HandleFunc("POST /base/subjects/{subject}", s.lookup)
	mux.HandleFunc("GET /base/config/{subject}", s.level)
	mux.HandleFunc("PUT /base/config/{subject}", s.setLevel)
	mux.HandleFunc("GET /base/schemas/ids/{id}", s.byID)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.auth = r.Header.Get("Authorization")
		if s.starting > 0 {
			s.starting--
			refuse(w, http.StatusServiceUnavailable, 50003, "starting")
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	client, err := schemaregistry.New(strings.Replace(server.URL, "//", "//ops:word@", 1)+"/base", nil)
	require.NoError(t, err)
	return s, client
}

func refuse(w http.ResponseWriter, status, code int, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error_code": code, "message": message})
}

func answer(w http.ResponseWriter, body any) { _ = json.NewEncoder(w).Encode(body) }

func (s *stub) versions(w http.ResponseWriter, r *http.Request) {
	schemas, ok := s.subjects[r.PathValue("subject")]
	if !ok {
		refuse(w, http.StatusNotFound, 40401, "no subject")
		return
	}
	numbers := []int{}
	for i := range schemas {
		numbers = append(numbers, i+1)
	}
	answer(w, numbers)
}

func (s *stub) register(w http.ResponseWriter, r *http.Request) {
	var body struct{ Schema string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	name := r.PathValue("subject")
	if s.levels[name] != "" && strings.Contains(body.Schema, "incompatible") {
		refuse(w, http.StatusConflict, 409, "Incompatible Avro schema")
		return
	}
	s.subjects[name] = append(s.subjects[name], body.Schema)
	s.writes = append(s.writes, "schema")
	answer(w, map[string]int{"id": len(s.subjects[name])})
}

func (s *stub) lookup(w http.ResponseWriter, r *http.Request) {
	var body struct{ Schema string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	name := r.PathValue("subject")
	for i, schema := range s.subjects[name] {
		if schema == body.Schema {
			answer(w, map[string]any{"subject": name, "version": i + 1, "id": i + 1, "schema": schema})
			return
		}
	}
	refuse(w, http.StatusNotFound, 40403, "Schema not found")
}

// byID counts the versions of the one subject, as register does.
func (s *stub) byID(w http.ResponseWriter, r *http.Request) {
	for i, schema := range s.subjects[subject] {
		if r.PathValue("id") == strconv.Itoa(i+1) {
			answer(w, map[string]string{"schema": schema})
			return
		}
	}
	refuse(w, http.StatusNotFound, 40403, "Schema not found")
}

func (s *stub) level(w http.ResponseWriter, r *http.Request) {
	level, ok := s.levels[r.PathValue("subject")]
	if !ok {
		refuse(w, http.StatusNotFound, 40408, "no level of its own")
		return
	}
	answer(w, map[string]string{"compatibilityLevel": level})
}

func (s *stub) setLevel(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("subject")
	if len(s.subjects[name]) == 0 {
		refuse(w, http.StatusNotFound, 40401, "no subject")
		return
	}
	var body struct{ Compatibility string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	if s.raced != "" {
		s.levels[name] = s.raced
		refuse(w, http.StatusConflict, 409, "Rule with name 'COMPATIBILITY' already exists.")
		return
	}
	if s.deaf {
		s.levels[name] = "NONE"
	} else {
		s.levels[name] = body.Compatibility
	}
	s.writes = append(s.writes, "level "+body.Compatibility)
	answer(w, body)
}

func apply(t *testing.T, client *schemaregistry.Registry, versions ...string) ([]provision.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var results []provision.Result
	err := client.Apply(ctx, []schemaregistry.Subject{{Name: subject, Versions: versions}},
		func(r provision.Result) { results = append(results, r) })
	return results, err
}

func TestVersionsAreRegisteredInOrderWithTheLevelSetAfterTheFirst(t *testing.T) {
	stub, client := newStub(t)
	results, err := apply(t, client, first, second)
	require.NoError(t, err)
	require.Equal(t, []string{"schema", "level BACKWARD_TRANSITIVE", "schema"}, stub.writes)
	require.Equal(t, []string{first, second}, stub.subjects[subject])
	require.Equal(t, []provision.Result{{Kind: "subject", Name: subject, Action: provision.Created,
		Detail: "2 versions, last id 2, BACKWARD_TRANSITIVE"}}, results)
	require.NotEmpty(t, stub.auth, "the name and password of the address are sent")
}

func TestASecondApplyChangesNothing(t *testing.T) {
	stub, client := newStub(t)
	_, err := apply(t, client, first, second)
	require.NoError(t, err)
	stub.writes = nil
	results, err := apply(t, client, first, second)
	require.NoError(t, err)
	require.Equal(t, provision.Unchanged, results[0].Action)
	require.Empty(t, stub.writes)
}

func TestANewVersionIsAdded(t *testing.T) {
	stub, client := newStub(t)
	_, err := apply(t, client, first)
	require.NoError(t, err)
	stub.writes = nil
	results, err := apply(t, client, first, second)
	require.NoError(t, err)
	require.Equal(t, provision.Updated, results[0].Action)
	require.Equal(t, []string{"schema"}, stub.writes)
}

// Of two provisioners at once one is refused by the registry, because the level is set already. It is done all the
// same, if it is the wanted level.
func TestALevelThatAnotherProvisionerSetIsSet(t *testing.T) {
	stub, client := newStub(t)
	stub.raced = "BACKWARD_TRANSITIVE"
	results, err := apply(t, client, first, second)
	require.NoError(t, err)
	require.Equal(t, provision.Created, results[0].Action)
	require.Equal(t, []string{"schema", "schema"}, stub.writes)

	stub, client = newStub(t)
	stub.raced = "NONE"
	_, err = apply(t, client, first)
	require.ErrorContains(t, err, "already exists")
}

func TestALevelThatWasLoweredIsSetAgain(t *testing.T) {
	stub, client := newStub(t)
	_, err := apply(t, client, first)
	require.NoError(t, err)
	stub.levels[subject] = "NONE"
	results, err := apply(t, client, first)
	require.NoError(t, err)
	require.Equal(t, provision.Updated, results[0].Action)
	require.Equal(t, "BACKWARD_TRANSITIVE", stub.levels[subject])
}

func TestALevelIsReadBack(t *testing.T) {
	stub, client := newStub(t)
	stub.deaf = true
	_, err := apply(t, client, first)
	require.ErrorContains(t, err, "answers NONE")
}

func TestAnIncompatibleVersionIsRefused(t *testing.T) {
	_, client := newStub(t)
	results, err := apply(t, client, first, broken)
	require.ErrorContains(t, err, "version 2: Incompatible Avro schema")
	require.Empty(t, results)
}

func TestAVersionThatIsAnotherSchemaIsTold(t *testing.T) {
	stub, client := newStub(t)
	stub.subjects[subject] = []string{broken}
	_, err := apply(t, client, first)
	require.ErrorIs(t, err, schemaregistry.ErrDiverged)
	stub.subjects[subject] = []string{second, first}
	_, err = apply(t, client, first, second)
	require.ErrorIs(t, err, schemaregistry.ErrDiverged)
	require.ErrorContains(t, err, "its version 2")
}

func TestVersionsOfANewerProgramAreLeftAlone(t *testing.T) {
	_, client := newStub(t)
	_, err := apply(t, client, first, second)
	require.NoError(t, err)
	results, err := apply(t, client, first)
	require.NoError(t, err)
	require.Equal(t, provision.Unchanged, results[0].Action)
	require.Contains(t, results[0].Detail, "the registry has 1 newer")
}

func TestApplyWaitsForARegistryThatIsStarting(t *testing.T) {
	stub, client := newStub(t)
	stub.starting = 2
	_, err := apply(t, client, first)
	require.NoError(t, err)
}

func TestASchemaIsReadByItsIDAlsoFromARegistryThatIsStarting(t *testing.T) {
	stub, client := newStub(t)
	stub.subjects[subject] = []string{first, second}
	stub.starting = 2
	schema, found, err := client.Schema(t.Context(), 2)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, second, schema)
	_, found, err = client.Schema(t.Context(), 3)
	require.NoError(t, err)
	require.False(t, found, "an id that the registry does not know")
}

func TestAnAddressMustBeOne(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:17023", "ftp://host/", "http://a b/", "http://me:secret\n@host"} {
		_, err := schemaregistry.New(address, nil)
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "secret")
	}
}
