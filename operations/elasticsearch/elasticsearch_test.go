package elasticsearch_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/elasticsearch"
	"codebank.dev/operations/provision"
)

func wanted() elasticsearch.Template {
	return elasticsearch.Template{
		Name:     "transactions",
		Body:     json.RawMessage(`{"index_patterns":["bank-transactions-*"],"template":{"aliases":{"transactions":{}}}}`),
		Patterns: []string{"bank-transactions-*"},
		Mappings: json.RawMessage(`{"dynamic":"strict","properties":{"event_id":{"type":"keyword"},"hour":{"type":"byte"}}}`),
		Aliases:  []string{"transactions"},
	}
}

func month(properties ...string) *index {
	i := &index{properties: map[string]any{}, aliases: map[string]any{}}
	for _, property := range properties {
		i.properties[property] = map[string]any{"type": "keyword"}
	}
	return i
}

// apply returns the results and the error of one Apply.
func apply(t *testing.T, client *elasticsearch.Client, template elasticsearch.Template) ([]provision.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var results []provision.Result
	err := client.Apply(ctx, []elasticsearch.Template{template}, func(r provision.Result) { results = append(results, r) })
	return results, err
}

func TestATemplateIsPutWithItsMappingAndAliasOnEveryIndexThatExists(t *testing.T) {
	server, client := newServer(t)
	server.indices["bank-transactions-2026.01"] = month("event_id")
	server.indices["bank-transactions-2025.12"] = month("event_id")
	server.indices["bank-transactions-2019.01"] = &index{closed: true}
	server.indices["other"] = month()

	results, err := apply(t, client, wanted())
	require.NoError(t, err)
	require.Equal(t, []provision.Result{
		{Kind: "template", Name: "transactions", Action: provision.Created, Detail: "bank-transactions-*"},
		{Kind: "index", Name: "bank-transactions-2025.12", Action: provision.Updated, Detail: "mapping, alias transactions"},
		{Kind: "index", Name: "bank-transactions-2026.01", Action: provision.Updated, Detail: "mapping, alias transactions"},
	}, results)
	require.Contains(t, server.indices["bank-transactions-2026.01"].properties, "hour")
	require.Empty(t, server.indices["other"].properties)

	server.writes = nil
	results, err = apply(t, client, wanted())
	require.NoError(t, err)
	for _, result := range results {
		require.Equal(t, provision.Unchanged, result.Action, result.Name)
	}
	require.Empty(t, server.writes)
}

func TestATemplateThatDiffersIsUpdated(t *testing.T) {
	_, client := newServer(t)
	_, err := apply(t, client, wanted())
	require.NoError(t, err)
	changed := wanted()
	changed.Body = json.RawMessage(`{"index_patterns":["bank-transactions-*"],"priority":300}`)
	results, err := apply(t, client, changed)
	require.NoError(t, err)
	require.Equal(t, provision.Updated, results[0].Action)
}

func TestAFieldsTypeIsNotChangedInPlace(t *testing.T) {
	server, client := newServer(t)
	server.indices["bank-transactions-2025.12"] = month("hour")
	server.indices["bank-transactions-2026.01"] = month()
	results, err := apply(t, client, wanted())
	require.ErrorContains(t, err, "index bank-transactions-2025.12: elastic: refused with 400: mapper [hour] cannot be changed")
	require.Len(t, results, 2, "the template and the other index are dealt with all the same")
}

func TestAnIndexKeepsHowItsFieldsAreSearched(t *testing.T) {
	server, client := newServer(t)
	server.indices["bank-transactions-2025.12"] = month("event_id")
	kept := map[string]any{"type": "byte", "index": false, "doc_values": true}
	server.indices["bank-transactions-2025.12"].properties["hour"] = maps.Clone(kept)
	template := wanted()
	template.Mappings = json.RawMessage(`{"properties":{
		"event_id":{"type":"keyword","index":false},"hour":{"type":"byte","doc_values":false},"weekday":{"type":"byte","index":false}}}`)
	results, err := apply(t, client, template)
	require.NoError(t, err)
	require.Equal(t, provision.Updated, results[1].Action)
	require.Equal(t, map[string]any{
		"event_id": map[string]any{"type": "keyword"}, "hour": kept, "weekday": map[string]any{"type": "byte", "index": false},
	}, server.indices["bank-transactions-2025.12"].properties)
}

func TestATemplateWithoutPatternsTouchesNoIndex(t *testing.T) {
	server, client := newServer(t)
	server.indices["other"] = month()
	template := wanted()
	template.Patterns = nil
	results, err := apply(t, client, template)
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.Empty(t, server.indices["other"].properties)
}

func TestApplyWaitsForAServerThatIsStarting(t *testing.T) {
	server, client := newServer(t)
	server.health = []int{http.StatusServiceUnavailable, http.StatusRequestTimeout}
	_, err := apply(t, client, wanted())
	require.NoError(t, err)
	require.Empty(t, server.health)
}

func TestScanReadsEveryDocumentPageByPageAsOfOneMoment(t *testing.T) {
	for _, count := range []int{0, 1, 4, 5} {
		server, client := newServer(t)
		server.indices["transactions"] = month()
		for i := range count {
			server.documents = append(server.documents, map[string]any{"sequence": i})
		}
		var sequences []int
		err := client.Scan(t.Context(), elasticsearch.Scan{Index: "transactions", Page: 2}, func(d elasticsearch.Document) error {
			var source struct{ Sequence int }
			require.NoError(t, json.Unmarshal(d.Source, &source))
			sequences = append(sequences, source.Sequence)
			return nil
		})
		require.NoError(t, err)
		require.Len(t, sequences, count)
		require.IsNonDecreasing(t, append(sequences, count))
		require.Empty(t, server.openMoments(), "the last page's name is what is closed")
		for i, search := range server.searches {
			moment := search["pit"].(map[string]any)["id"]
			require.Equal(t, i == 0, moment == "moment-0", "each page asks by the name the last one told")
			require.Equal(t, []any{map[string]any{"_shard_doc": "asc"}}, search["sort"])
		}
	}
}

func TestScanAsksForWhatItIsTold(t *testing.T) {
	server, client := newServer(t)
	server.indices["transactions"] = month()
	err := client.Scan(t.Context(), elasticsearch.Scan{
		Index: "transactions", Query: json.RawMessage(`{"term":{"account_id":"a"}}`),
		Sort: []string{"account_id", "sequence"}, Fields: []string{"event_id"},
	}, func(elasticsearch.Document) error { return nil })
	require.NoError(t, err)
	search := server.searches[0]
	require.Equal(t, map[string]any{"term": map[string]any{"account_id": "a"}}, search["query"])
	require.Equal(t, []any{map[string]any{"account_id": "asc"}, map[string]any{"sequence": "asc"}}, search["sort"])
	require.Equal(t, []any{"event_id"}, search["_source"])
	require.EqualValues(t, 5000, search["size"])
}

func TestAnAnswerWithoutAShardIsAnError(t *testing.T) {
	server, client := newServer(t)
	server.indices["transactions"] = month()
	server.failed = 1
	err := client.Scan(t.Context(), elasticsearch.Scan{Index: "transactions"}, func(elasticsearch.Document) error { return nil })
	require.ErrorContains(t, err, "not whole")
}

func TestScanEndsWithTheErrorOfItsReader(t *testing.T) {
	server, client := newServer(t)
	server.indices["transactions"] = month()
	server.documents = []map[string]any{{}, {}}
	enough := errors.New("enough")
	err := client.Scan(t.Context(), elasticsearch.Scan{Index: "transactions"}, func(elasticsearch.Document) error { return enough })
	require.Equal(t, enough, err)
	require.Empty(t, server.openMoments())
}

func TestCountAndRefresh(t *testing.T) {
	server, client := newServer(t)
	_, err := client.Count(t.Context(), "transactions")
	require.ErrorIs(t, err, elasticsearch.ErrNotFound)
	require.ErrorIs(t, client.Refresh(t.Context(), "transactions"), elasticsearch.ErrNotFound)
	require.ErrorIs(t, client.Scan(t.Context(), elasticsearch.Scan{Index: "transactions"}, nil), elasticsearch.ErrNotFound)

	server.indices["transactions"] = month()
	server.documents = make([]map[string]any, 3)
	count, err := client.Count(t.Context(), "transactions")
	require.NoError(t, err)
	require.EqualValues(t, 3, count)
	require.NoError(t, client.Refresh(t.Context(), "transactions"))
	require.Equal(t, []string{"_count", "_refresh"}, server.writes)
}

func TestAddressesAreHTTP(t *testing.T) {
	for _, addresses := range []string{"", "127.0.0.1:17926", "http://a,", "http://a,ftp://b"} {
		_, err := elasticsearch.New(addresses, nil)
		require.Error(t, err, addresses)
	}
	_, err := elasticsearch.New("http://a:1, https://user:word@b:2", nil)
	require.NoError(t, err)
}

func TestANodesCredentialsAreForThatNodeOnly(t *testing.T) {
	asked := make(chan string, 4)
	node := func() string {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name, password, _ := r.BasicAuth()
			asked <- name + ":" + password
			w.Header().Set("X-Elastic-Product", "Elasticsearch")
			_, _ = w.Write([]byte(`{"count":1}`))
		}))
		t.Cleanup(web.Close)
		return web.URL
	}
	client, err := elasticsearch.New(strings.Replace(node(), "//", "//user:word@", 1)+","+node(), nil)
	require.NoError(t, err)
	var told []string
	for range 2 {
		_, err := client.Count(t.Context(), "transactions")
		require.NoError(t, err)
		told = append(told, <-asked)
	}
	require.ElementsMatch(t, []string{"user:word", ":"}, told)
}

func TestAnotherProductIsRefusedAtOnce(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"count":1}`))
	}))
	defer web.Close()
	client, err := elasticsearch.New(web.URL, nil)
	require.NoError(t, err)
	_, err = client.Count(t.Context(), "transactions")
	require.ErrorContains(t, err, "elastic: the client noticed that the server is not Elasticsearch")
}

func TestAClientWaitsForNodesThatAreAway(t *testing.T) {
	client, err := elasticsearch.New("http://127.0.0.1:1,http://127.0.0.1:2", nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = client.Count(ctx, "transactions")
	require.ErrorContains(t, err, "waiting for Elasticsearch: context deadline exceeded; last: elastic: ")
	require.ErrorContains(t, err, "connection refused")
}

func TestMultiSearchAnswersInOrderAndPassesOverWhatIsNotThere(t *testing.T) {
	server, client := newServer(t)
	server.indices["transactions"] = month()
	server.documents = make([]map[string]any, 3)
	body := json.RawMessage("{\n\"size\": 0\n}")
	answers, err := client.MultiSearch(t.Context(), []elasticsearch.Search{{Index: "watermarks", Body: body}, {Index: "transactions", Body: body}})
	require.NoError(t, err)
	require.Len(t, answers, 2)
	require.JSONEq(t, `{"status":200,"hits":{"total":{"value":0}}}`, string(answers[0]))
	require.JSONEq(t, `{"status":200,"hits":{"total":{"value":3}}}`, string(answers[1]))
	answers, err = client.MultiSearch(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, answers)
	_, err = client.MultiSearch(t.Context(), []elasticsearch.Search{{Index: "x", Body: json.RawMessage(`{`)}})
	require.ErrorContains(t, err, "not JSON")
}

func TestMultiSearchOnceDoesNotWait(t *testing.T) {
	server, client := newServer(t)
	server.indices["transactions"] = month()
	search := []elasticsearch.Search{{Index: "transactions", Body: json.RawMessage(`{}`)}}
	answers, err := client.MultiSearchOnce(t.Context(), search)
	require.NoError(t, err)
	require.Len(t, answers, 1)
	away, err := elasticsearch.New("http://127.0.0.1:1", nil)
	require.NoError(t, err)
	// A call that waits would go on until the test's context ends.
	_, err = away.MultiSearchOnce(t.Context(), search)
	require.ErrorContains(t, err, "connection refused")
}
