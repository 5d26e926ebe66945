package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"codebank.dev/stack/pipes"
)

const (
	// indexPattern is what the indices of the template are called.
	indexPattern = "bank-transactions-*"
	// rawIndex begins the names of indices of the same template, for documents that no connector writes.
	rawIndex = "bank-transactions-bench-"
	// trial is how many documents it takes to find out how `_bulk` is fastest.
	trial = 60_000
	// warmings is how many rounds warm worker and index up and are not counted: in the
	// second the connector is still a fifth slower than in the fourth.
	warmings = 2
	// page is how many documents are read at once.
	page = 5_000
)

// indexing is a way to send `_bulk` requests.
type indexing struct{ workers, bytes int }

// ways are those that are tried; the fastest is the yardstick.
var ways = []indexing{{2, 5 << 20}, {2, 2 << 20}, {2, 10 << 20}, {4, 5 << 20}}

// bulkClient keeps a connection for every worker.
var bulkClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}

// index holds the connector that writes the index against `_bulk` requests with the
// very documents it wrote, into an index of the same template.
func (w *world) index(ctx context.Context) (figures []Figure, err error) {
	broker, err := w.broker()
	if err != nil {
		return nil, err
	}
	defer broker.close()
	total, err := w.prepared(ctx, broker)
	if err != nil {
		return nil, err
	}
	return w.indexing(ctx, broker, backlog{figure: "IndexSink", total: total})
}

// backlog is a part of the topic that a sink is to write, up to its end.
type backlog struct {
	// figure is what is measured with it.
	figure string
	// from is where it begins, by partition; nil is the topic's beginning.
	from  map[int32]int64
	total int64
}

// indexing measures the connector on a backlog, in turn with `_bulk`.
func (w *world) indexing(ctx context.Context, broker *broker, b backlog) (figures []Figure, err error) {
	total := b.total
	sink := Series{Name: fmt.Sprintf("the connector, %d documents, from the first seen to the last", total), Unit: "sink-docs/s"}
	raw := Series{Unit: "raw-docs/s"}
	var documents *documents
	for range warmings {
		if _, err := w.writeDocuments(ctx, broker, b); err != nil {
			return nil, err
		}
	}
	for range w.options.longRounds() {
		rate, err := w.writeDocuments(ctx, broker, b)
		if err != nil {
			return nil, err
		}
		sink.Values = append(sink.Values, rate)
		if documents == nil {
			if documents, err = w.readDocuments(ctx, total); err != nil {
				return nil, err
			}
		}
		if err := w.deleteIndices(ctx); err != nil {
			return nil, err
		}
		if rate, err = w.sendDocuments(ctx, documents, documents.way, int(total)); err != nil {
			return nil, err
		}
		raw.Values = append(raw.Values, rate)
		raw.Name = fmt.Sprintf("_bulk of the same documents from Go, %d workers, %d MB, the fastest of %d ways",
			documents.way.workers, documents.way.bytes>>20, len(ways))
	}
	return []Figure{ratio(b.figure, "every round the same backlog into empty indices", sink, raw)}, w.deleteIndices(ctx)
}

// writeDocuments has the connector write a backlog into empty indices.
func (w *world) writeDocuments(ctx context.Context, broker *broker, b backlog) (rate float64, err error) {
	begin := func() error { return w.fromStart(ctx, broker, indexSink) }
	if b.from != nil {
		begin = func() error { return w.place(ctx, indexSink, b.from) }
	}
	total := b.total
	if err := errors.Join(begin(), w.deleteIndices(ctx)); err != nil {
		return 0, err
	}
	if err := w.resumeSinks(ctx, indexSink); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.stopSinks(ctx, indexSink)) }()
	// What is indexed is counted at once; searches would show it a refresh later.
	indexed := func() (int64, error) {
		var stats struct {
			All struct {
				Primaries struct {
					Indexing struct {
						Total int64 `json:"index_total"`
					} `json:"indexing"`
				} `json:"primaries"`
			} `json:"_all"`
		}
		err := pipes.Call(ctx, http.MethodGet, w.elasticsearch(indexPattern+"/_stats/indexing"), nil, &stats)
		return stats.All.Primaries.Indexing.Total, err
	}
	p, err := w.follow(ctx, indexSink, indexed, func() (bool, error) {
		wait(ctx, lookAtIndex) // a question costs the index more than it does a database
		n, err := indexed()
		return n >= total, err
	})
	if err != nil {
		return 0, err
	}
	return p.rate(), w.countDocuments(ctx, indexPattern, total)
}

func (w *world) elasticsearch(path string) string {
	return w.stack.Addresses().Elasticsearch() + "/" + path
}

// countDocuments makes sure that so many documents can be found.
func (w *world) countDocuments(ctx context.Context, index string, total int64) error {
	if err := pipes.Call(ctx, http.MethodPost, w.elasticsearch(index+"/_refresh"), nil, nil); err != nil {
		return err
	}
	var counted struct {
		Count int64 `json:"count"`
	}
	if err := pipes.Call(ctx, http.MethodGet, w.elasticsearch(index+"/_count"), nil, &counted); err != nil {
		return err
	}
	if counted.Count != total {
		return fmt.Errorf("%d documents of %d are in %s", counted.Count, total, index)
	}
	return nil
}

// deleteIndices deletes all indices of the template, by name.
func (w *world) deleteIndices(ctx context.Context) error {
	indices := map[string]json.RawMessage{}
	if err := pipes.Call(ctx, http.MethodGet, w.elasticsearch(indexPattern), nil, &indices); err != nil {
		return err
	}
	for name := range indices {
		if err := pipes.Call(ctx, http.MethodDelete, w.elasticsearch(name), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// documents are lines of `_bulk` requests, an action and a document each.
type documents struct {
	lines [][]byte
	// indices are those that the lines name.
	indices []string
	way     indexing
}

// readDocuments reads what the connector wrote, and finds the fastest way to write it.
func (w *world) readDocuments(ctx context.Context, total int64) (*documents, error) {
	type hits struct {
		Scroll string `json:"_scroll_id"`
		Hits   struct {
			Hits []struct {
				ID     string          `json:"_id"`
				Index  string          `json:"_index"`
				Source json.RawMessage `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	read := &documents{}
	var found hits
	query := map[string]any{"size": page, "sort": []string{"_doc"}}
	err := pipes.Call(ctx, http.MethodPost, w.elasticsearch(indexPattern+"/_search?scroll=5m"), query, &found)
	for err == nil && len(found.Hits.Hits) > 0 {
		for _, hit := range found.Hits.Hits {
			// As many indices as the connector has written to.
			index := rawIndex + strings.TrimPrefix(hit.Index, strings.TrimSuffix(indexPattern, "*"))
			if !slices.Contains(read.indices, index) {
				read.indices = append(read.indices, index)
			}
			read.lines = append(read.lines, fmt.Appendf(nil, `{"create":{"_index":%q,"_id":%q}}`+"\n%s\n", index, hit.ID, hit.Source))
		}
		next := map[string]any{"scroll": "5m", "scroll_id": found.Scroll}
		found = hits{}
		err = pipes.Call(ctx, http.MethodPost, w.elasticsearch("_search/scroll"), next, &found)
	}
	if err != nil {
		return nil, err
	}
	if int64(len(read.lines)) != total {
		return nil, fmt.Errorf("%d documents were read of %d", len(read.lines), total)
	}
	fastest := 0.0
	for _, way := range ways {
		rate, err := w.sendDocuments(ctx, read, way, min(trial, len(read.lines)))
		if err != nil {
			return nil, err
		}
		w.say("_bulk by %d workers, %d MB: %.0f documents/s", way.workers, way.bytes>>20, rate)
		if rate > fastest {
			fastest, read.way = rate, way
		}
	}
	return read, nil
}

// sendDocuments writes the first n documents to new indices and returns how many a second.
func (w *world) sendDocuments(ctx context.Context, documents *documents, way indexing, n int) (float64, error) {
	for _, index := range documents.indices {
		if err := pipes.Call(ctx, http.MethodPut, w.elasticsearch(index), nil, nil); err != nil {
			return 0, err
		}
	}
	bodies := make(chan []byte, n)
	for lines := documents.lines[:n]; len(lines) > 0; {
		size, count := 0, 0
		for count < len(lines) && (count == 0 || size+len(lines[count]) <= way.bytes) {
			size += len(lines[count])
			count++
		}
		bodies <- slices.Concat(lines[:count]...)
		lines = lines[count:]
	}
	close(bodies)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var working sync.WaitGroup
	began := time.Now()
	for range way.workers {
		working.Go(func() {
			for body := range bodies {
				if err := w.sendBulk(ctx, body); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	working.Wait()
	elapsed := time.Since(began)
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	if err := w.countDocuments(ctx, rawIndex+"*", int64(n)); err != nil {
		return 0, err
	}
	for _, index := range documents.indices {
		if err := pipes.Call(ctx, http.MethodDelete, w.elasticsearch(index), nil, nil); err != nil {
			return 0, err
		}
	}
	return float64(n) / elapsed.Seconds(), nil
}

// sendBulk sends one `_bulk` request, all of whose documents must be taken. Of the
// answer it has only that told.
func (w *world) sendBulk(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.elasticsearch("_bulk?filter_path=errors"), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := bulkClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"errors":false`)) {
		return fmt.Errorf("_bulk: %s %.300s", response.Status, answer)
	}
	return nil
}
