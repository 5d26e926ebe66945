package elasticsearch_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/elasticsearch"
)

// server is the part of Elasticsearch's REST interface that the client uses, as its
// documentation tells it.
type server struct {
	mu        sync.Mutex
	templates map[string]any
	indices   map[string]*index
	documents []map[string]any
	health    []int // status codes given to the first requests for health
	writes    []string
	searches  []map[string]any
	moments   map[string]bool
	failed    int // shards that fail in searches
}

type index struct {
	properties map[string]any
	aliases    map[string]any
	closed     bool
}

func newServer(t *testing.T) (*server, *elasticsearch.Client) {
	t.Helper()
	s := &server{templates: map[string]any{}, indices: map[string]*index{}, moments: map[string]bool{}}
	// Two, for their patterns overlap.
	cluster, indices := http.NewServeMux(), http.NewServeMux()
	cluster.HandleFunc("GET /_cluster/health", s.clusterHealth)
	cluster.HandleFunc("GET /_index_template/{name}", s.getTemplate)
	cluster.HandleFunc("PUT /_index_template/{name}", s.putTemplate)
	cluster.HandleFunc("DELETE /_pit", s.closeMoment)
	cluster.HandleFunc("POST /_search", s.search)
	cluster.HandleFunc("POST /_msearch", s.multiSearch)
	indices.HandleFunc("GET /{pattern}", s.getIndices)
	indices.HandleFunc("PUT /{index}/_mapping", s.putMapping)
	indices.HandleFunc("PUT /{index}/_aliases/{alias}", s.putAlias)
	indices.HandleFunc("POST /{index}/_pit", s.openMoment)
	indices.HandleFunc("POST /{index}/_count", s.count)
	indices.HandleFunc("POST /{index}/_refresh", s.count)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		if strings.HasPrefix(r.URL.Path, "/_") {
			cluster.ServeHTTP(w, r)
			return
		}
		indices.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	client, err := elasticsearch.New(web.URL, nil)
	require.NoError(t, err)
	return s, client
}

func answer(w http.ResponseWriter, body any) { _ = json.NewEncoder(w).Encode(body) }

func refuse(w http.ResponseWriter, status int, reason string) {
	w.WriteHeader(status)
	answer(w, map[string]any{"status": status, "error": map[string]any{"type": "x", "reason": reason}})
}

func (s *server) clusterHealth(w http.ResponseWriter, _ *http.Request) {
	status := http.StatusOK
	if len(s.health) > 0 {
		status, s.health = s.health[0], s.health[1:]
	}
	w.WriteHeader(status)
	answer(w, map[string]any{"status": "green", "timed_out": status == http.StatusRequestTimeout})
}

func (s *server) getTemplate(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	template, ok := s.templates[name]
	if !ok {
		refuse(w, http.StatusNotFound, "index template matching ["+name+"] not found")
		return
	}
	answer(w, map[string]any{"index_templates": []any{map[string]any{"name": name, "index_template": template}}})
}

func (s *server) putTemplate(w http.ResponseWriter, r *http.Request) {
	var template map[string]any
	_ = json.NewDecoder(r.Body).Decode(&template)
	template["composed_of"] = []any{} // the server adds of its own
	s.templates[r.PathValue("name")] = template
	answer(w, map[string]bool{"acknowledged": true})
}

func (s *server) getIndices(w http.ResponseWriter, r *http.Request) {
	found := map[string]any{}
	for name, index := range s.indices {
		for pattern := range strings.SplitSeq(r.PathValue("pattern"), ",") {
			if ok, _ := path.Match(pattern, name); ok && !index.closed {
				found[name] = map[string]any{"mappings": map[string]any{"properties": index.properties}, "aliases": index.aliases}
			}
		}
	}
	answer(w, found)
}

func (s *server) putMapping(w http.ResponseWriter, r *http.Request) {
	var mapping struct{ Properties map[string]any }
	_ = json.NewDecoder(r.Body).Decode(&mapping)
	index := s.indices[r.PathValue("index")]
	for field, wanted := range mapping.Properties {
		if is, there := index.properties[field]; there && fmt.Sprint(is) != fmt.Sprint(wanted) {
			refuse(w, http.StatusBadRequest, "mapper ["+field+"] cannot be changed")
			return
		}
	}
	maps.Copy(index.properties, mapping.Properties)
	answer(w, map[string]bool{"acknowledged": true})
}

func (s *server) putAlias(w http.ResponseWriter, r *http.Request) {
	s.writes = append(s.writes, "alias "+r.PathValue("alias"))
	s.indices[r.PathValue("index")].aliases[r.PathValue("alias")] = map[string]any{}
	answer(w, map[string]bool{"acknowledged": true})
}

func (s *server) openMoment(w http.ResponseWriter, r *http.Request) {
	if s.indices[r.PathValue("index")] == nil {
		refuse(w, http.StatusNotFound, "no such index ["+r.PathValue("index")+"]")
		return
	}
	s.moments["moment-0"] = true
	answer(w, map[string]string{"id": "moment-0"})
}

func (s *server) closeMoment(w http.ResponseWriter, r *http.Request) {
	var body struct{ ID string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	delete(s.moments, body.ID)
	answer(w, map[string]any{"succeeded": true})
}

// search serves all documents by their number, which is also their sort value.
func (s *server) search(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.searches = append(s.searches, body)
	from := 0
	if after, ok := body["search_after"].([]any); ok {
		from = int(after[0].(float64)) + 1
	}
	to := min(from+int(body["size"].(float64)), len(s.documents))
	hits := []any{}
	for i, document := range s.documents[from:to] {
		hits = append(hits, map[string]any{
			"_index": "i", "_id": fmt.Sprint(from + i), "_source": document, "sort": []any{from + i}})
	}
	clear(s.moments)
	next := fmt.Sprintf("moment-%d", len(s.searches)) // a new name with every page
	s.moments[next] = true
	answer(w, map[string]any{
		"pit_id": next, "_shards": map[string]int{"failed": s.failed}, "hits": map[string]any{"hits": hits}})
}

// multiSearch answers each search with the number of documents, and one of no known
// index with none.
func (s *server) multiSearch(w http.ResponseWriter, r *http.Request) {
	decoder := json.NewDecoder(r.Body)
	responses := []any{}
	for decoder.More() {
		var header struct {
			Index    string
			Absent   bool `json:"ignore_unavailable"`
			Wildcard bool `json:"allow_no_indices"`
		}
		var body map[string]any
		if decoder.Decode(&header) != nil || decoder.Decode(&body) != nil {
			refuse(w, http.StatusBadRequest, "The msearch request must be terminated by a newline")
			return
		}
		total := 0
		switch {
		case s.indices[header.Index] != nil:
			total = len(s.documents)
		case !header.Absent:
			responses = append(responses, map[string]any{"status": 404, "error": map[string]any{"reason": "no such index"}})
			continue
		}
		responses = append(responses, map[string]any{"status": 200, "hits": map[string]any{"total": map[string]any{"value": total}}})
	}
	answer(w, map[string]any{"took": 1, "responses": responses})
}

func (s *server) count(w http.ResponseWriter, r *http.Request) {
	if s.indices[r.PathValue("index")] == nil {
		refuse(w, http.StatusNotFound, "no such index")
		return
	}
	s.writes = append(s.writes, path.Base(r.URL.Path))
	answer(w, map[string]int{"count": len(s.documents)})
}

func (s *server) openMoments() []string { return slices.Sorted(maps.Keys(s.moments)) }
