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
	// indexPattern matches the indices of the template.
	indexPattern = "bank-transactions-*"
	// yardstickIndex is the prefix of indices of the same template, for documents that the
	// yardstick writes.
	yardstickIndex = "bank-transactions-bench-"
	// trialDocuments is how many documents are sent to find the fastest `_bulk` settings.
	trialDocuments = 60_000
	// warmupRounds is how many rounds warm up worker and index and are not counted. In the
	// second round the connector is still a fifth slower than in the fourth.
	warmupRounds = 2
	// pageSize is how many documents are read at once.
	pageSize = 5_000
)

// bulkSettings are the number of workers and the size of a request in bytes for `_bulk`.
type bulkSettings struct{ workers, bytes int }

// bulkVariants are the settings that are tried. The fastest is the yardstick.
var bulkVariants = []bulkSettings{{2, 5 << 20}, {2, 2 << 20}, {2, 10 << 20}, {4, 5 << 20}}

// bulkClient keeps a connection for every worker.
var bulkClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}

// index compares the connector that writes the index with `_bulk` requests. The requests send
// the documents that the connector wrote to an index of the same template.
func (w *workbench) index(ctx context.Context) (figures []Figure, err error) {
	broker, err := w.broker()
	if err != nil {
		return nil, err
	}
	defer broker.close()
	total, err := w.prepareBacklog(ctx, broker)
	if err != nil {
		return nil, err
	}
	return w.measureIndexing(ctx, broker, backlog{figure: "IndexSink", total: total})
}

// backlog is a part of the topic, up to its end, that a sink must write.
type backlog struct {
	// figure is the name of the figure that uses it.
	figure string
	// from is the start by partition; nil is the beginning of the topic.
	from  map[int32]int64
	total int64
}

// measureIndexing measures the connector on a backlog, in turn with `_bulk`.
func (w *workbench) measureIndexing(ctx context.Context, broker *broker, b backlog) (figures []Figure, err error) {
	total := b.total
	sink := Series{Name: fmt.Sprintf("the connector, %d documents, from the first seen to the last", total), Unit: "sink-docs/s"}
	yardstick := Series{Unit: "raw-docs/s"}
	var documents *documents
	for range warmupRounds {
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
		if rate, err = w.sendDocuments(ctx, documents, documents.settings, int(total)); err != nil {
			return nil, err
		}
		yardstick.Values = append(yardstick.Values, rate)
		yardstick.Name = fmt.Sprintf("_bulk of the same documents from Go, %d workers, %d MB, the fastest of %d settings",
			documents.settings.workers, documents.settings.bytes>>20, len(bulkVariants))
	}
	return []Figure{ratio(b.figure, "the same backlog into empty indices in every round", sink, yardstick)}, w.deleteIndices(ctx)
}

// writeDocuments lets the connector write a backlog into empty indices. It returns the rate in
// documents a second.
func (w *workbench) writeDocuments(ctx context.Context, broker *broker, b backlog) (rate float64, err error) {
	begin := func() error { return w.rewindSink(ctx, broker, indexSink) }
	if b.from != nil {
		begin = func() error { return w.setOffsets(ctx, indexSink, b.from) }
	}
	total := b.total
	if err := errors.Join(begin(), w.deleteIndices(ctx)); err != nil {
		return 0, err
	}
	if err := w.resumeSinks(ctx, indexSink); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.stopSinks(ctx, indexSink)) }()
	// The index counts a document at once; a search would find it only after a refresh.
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
	p, err := w.awaitProgress(ctx, indexSink, indexed, func() (bool, error) {
		wait(ctx, indexInterval) // such a request costs the index more than it costs a database
		n, err := indexed()
		return n >= total, err
	})
	if err != nil {
		return 0, err
	}
	return p.rate(), w.countDocuments(ctx, indexPattern, total)
}

func (w *workbench) elasticsearch(path string) string {
	return w.stack.Addresses().Elasticsearch() + "/" + path
}

// countDocuments returns an error unless a search finds exactly total documents.
func (w *workbench) countDocuments(ctx context.Context, index string, total int64) error {
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
		return fmt.Errorf("%d of %d documents are in %s", counted.Count, total, index)
	}
	return nil
}

// deleteIndices deletes all indices of the template, by name.
func (w *workbench) deleteIndices(ctx context.Context) error {
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

// documents holds lines of `_bulk` requests, an action and a document each.
type documents struct {
	lines [][]byte
	// indices are the indices that the lines name.
	indices  []string
	settings bulkSettings
}

// readDocuments reads what the connector wrote, and finds the fastest settings to write it.
func (w *workbench) readDocuments(ctx context.Context, total int64) (*documents, error) {
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
	query := map[string]any{"size": pageSize, "sort": []string{"_doc"}}
	err := pipes.Call(ctx, http.MethodPost, w.elasticsearch(indexPattern+"/_search?scroll=5m"), query, &found)
	for err == nil && len(found.Hits.Hits) > 0 {
		for _, hit := range found.Hits.Hits {
			// The yardstick writes to as many indices as the connector.
			index := yardstickIndex + strings.TrimPrefix(hit.Index, strings.TrimSuffix(indexPattern, "*"))
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
		return nil, fmt.Errorf("%d of %d documents were read", len(read.lines), total)
	}
	fastest := 0.0
	for _, settings := range bulkVariants {
		rate, err := w.sendDocuments(ctx, read, settings, min(trialDocuments, len(read.lines)))
		if err != nil {
			return nil, err
		}
		w.printf("_bulk by %d workers, %d MB: %.0f documents/s", settings.workers, settings.bytes>>20, rate)
		if rate > fastest {
			fastest, read.settings = rate, settings
		}
	}
	return read, nil
}

// sendDocuments writes the first n documents to new indices and returns how many a second.
func (w *workbench) sendDocuments(ctx context.Context, documents *documents, settings bulkSettings, n int) (float64, error) {
	for _, index := range documents.indices {
		if err := pipes.Call(ctx, http.MethodPut, w.elasticsearch(index), nil, nil); err != nil {
			return 0, err
		}
	}
	bodies := make(chan []byte, n)
	for lines := documents.lines[:n]; len(lines) > 0; {
		size, count := 0, 0
		for count < len(lines) && (count == 0 || size+len(lines[count]) <= settings.bytes) {
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
	for range settings.workers {
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
	if err := w.countDocuments(ctx, yardstickIndex+"*", int64(n)); err != nil {
		return 0, err
	}
	for _, index := range documents.indices {
		if err := pipes.Call(ctx, http.MethodDelete, w.elasticsearch(index), nil, nil); err != nil {
			return 0, err
		}
	}
	return float64(n) / elapsed.Seconds(), nil
}

// sendBulk sends one `_bulk` request. It fails unless all documents are accepted. The answer
// contains only that. The request is plain HTTP: a client library would slow the yardstick down.
func (w *workbench) sendBulk(ctx context.Context, body []byte) error {
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
