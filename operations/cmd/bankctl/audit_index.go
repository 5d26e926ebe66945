package main

import (
	"context"
	"encoding/json"
	"errors"

	"golang.org/x/sync/errgroup"

	"codebank.dev/bank"
	"codebank.dev/operations/audit"
	"codebank.dev/operations/audit/index"
	"codebank.dev/operations/elasticsearch"
)

const (
	// auditedIndices are all months of all banks.
	auditedIndices = "bank-transactions-*"
	// auditedPage is how many documents a request fetches: some megabytes.
	auditedPage = 4000
	// readAhead is how many documents wait for being decoded.
	readAhead = 2000
)

// indexPlace is one bank's part of the search index as an audit sees it.
type indexPlace struct {
	client *elasticsearch.Client
	code   bank.Code
}

var _ audit.Source = (*indexPlace)(nil)

// Read implements audit.Source. Two halves are read side by side, and documents are
// decoded while the next are fetched, so that neither side waits for the other.
func (p *indexPlace) Read(ctx context.Context, each func(*audit.Copy) error) error {
	if err := p.refresh(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, query := range p.halves() {
		documents := make(chan elasticsearch.Document, readAhead)
		group.Go(func() error {
			defer close(documents)
			return p.scan(ctx, query, documents)
		})
		group.Go(func() error {
			for d := range documents {
				var c audit.Copy
				if err := index.Document(&c, d.ID, d.Source); err != nil {
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

// halves returns two queries that share the bank's documents out: those that came
// from every other partition, and all that did not.
func (p *indexPlace) halves() [2]query {
	const partitions = 100
	var even []int
	for partition := 0; partition < partitions; partition += 2 {
		even = append(even, partition)
	}
	mine := query{"term": query{"bank_code": p.code}}
	half := query{"terms": query{"kafka_partition": even}}
	return [2]query{
		{"bool": query{"filter": []query{mine, half}}},
		{"bool": query{"filter": []query{mine}, "must_not": []query{half}}},
	}
}

// query is a query in the server's language.
type query map[string]any

func (p *indexPlace) scan(ctx context.Context, q query, documents chan<- elasticsearch.Document) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return p.client.Scan(ctx, elasticsearch.Scan{Index: auditedIndices, Query: body, Page: auditedPage}, func(d elasticsearch.Document) error {
		select {
		case documents <- d:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Find implements audit.Source, among the documents of all banks.
func (p *indexPlace) Find(ctx context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	body, err := json.Marshal(query{"ids": query{"values": []string{wanted.EventID}}})
	if err != nil {
		return nil, err
	}
	var found []audit.Copy
	err = p.client.Scan(ctx, elasticsearch.Scan{Index: auditedIndices, Query: body}, func(d elasticsearch.Document) error {
		found = append(found, audit.Copy{})
		return index.Document(&found[len(found)-1], d.ID, d.Source)
	})
	return found, err
}

// Count returns how many documents there are of all banks.
func (p *indexPlace) Count(ctx context.Context) (int64, error) {
	if err := p.refresh(ctx); err != nil {
		return 0, err
	}
	return p.client.Count(ctx, auditedIndices)
}

// refresh makes visible what was written; where there is no index yet, nothing was.
func (p *indexPlace) refresh(ctx context.Context) error {
	err := p.client.Refresh(ctx, auditedIndices)
	if errors.Is(err, elasticsearch.ErrNotFound) {
		return nil
	}
	return err
}
