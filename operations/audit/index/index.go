package index

import (
	"context"
	"encoding/json"
	"errors"

	"golang.org/x/sync/errgroup"

	"codebank.dev/operations/audit"
	"codebank.dev/operations/elasticsearch"
)

const (
	// indices are the indices of all months and all banks.
	indices = "bank-transactions-*"
	// page is how many documents a request fetches: some megabytes.
	page = 4000
	// readAhead is how many fetched documents may wait to be decoded.
	readAhead = 2000
)

// Index is one bank's part of the search index. It is safe for concurrent use.
type Index struct {
	client *elasticsearch.Client
	code   string
}

var _ audit.Source = (*Index)(nil)

// New returns the part of the index that holds the documents of the bank with this code.
func New(client *elasticsearch.Client, code string) *Index {
	return &Index{client: client, code: code}
}

// Read implements audit.Source. It reads two halves side by side, and decodes documents
// while it fetches the next ones.
func (x *Index) Read(ctx context.Context, each func(*audit.Copy) error) error {
	if err := x.refresh(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, query := range x.halves() {
		documents := make(chan elasticsearch.Document, readAhead)
		group.Go(func() error {
			defer close(documents)
			return x.scan(ctx, query, documents)
		})
		group.Go(func() error {
			for d := range documents {
				var c audit.Copy
				if err := Document(&c, d.ID, d.Source); err != nil {
					return err
				}
				if err := each(&c); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// query is a query in the server's language.
type query map[string]any

// halves returns two queries that divide the bank's documents: those of every other
// partition, and all others.
func (x *Index) halves() [2]query {
	const partitions = 100
	var even []int
	for partition := 0; partition < partitions; partition += 2 {
		even = append(even, partition)
	}
	mine := query{"term": query{"bank_code": x.code}}
	half := query{"terms": query{"kafka_partition": even}}
	return [2]query{
		{"bool": query{"filter": []query{mine, half}}},
		{"bool": query{"filter": []query{mine}, "must_not": []query{half}}},
	}
}

func (x *Index) scan(ctx context.Context, q query, documents chan<- elasticsearch.Document) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return x.client.Scan(ctx, elasticsearch.Scan{Index: indices, Query: body, Page: page}, func(d elasticsearch.Document) error {
		select {
		case documents <- d:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Find implements audit.Source. It searches the documents of all banks.
func (x *Index) Find(ctx context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	body, err := json.Marshal(query{"ids": query{"values": []string{wanted.EventID}}})
	if err != nil {
		return nil, err
	}
	var found []audit.Copy
	err = x.client.Scan(ctx, elasticsearch.Scan{Index: indices, Query: body}, func(d elasticsearch.Document) error {
		found = append(found, audit.Copy{})
		return Document(&found[len(found)-1], d.ID, d.Source)
	})
	return found, err
}

// Count returns how many documents there are of all banks.
func (x *Index) Count(ctx context.Context) (int64, error) {
	if err := x.refresh(ctx); err != nil {
		return 0, err
	}
	return x.client.Count(ctx, indices)
}

// refresh makes all written documents visible to searches. If there is no index yet,
// nothing was written.
func (x *Index) refresh(ctx context.Context) error {
	err := x.client.Refresh(ctx, indices)
	if errors.Is(err, elasticsearch.ErrNotFound) {
		return nil
	}
	return err
}
