package main

import (
	"context"
	"encoding/json"
	"errors"

	"golang.org/x/sync/errgroup"

	"codebank.dev/bank"
	"codebank.dev/bank/audit"
	"codebank.dev/bank/audit/index"
	"codebank.dev/bank/elastic"
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
	client *elastic.Client
	code   bank.Code
}

var _ audit.Source = (*indexPlace)(nil)

// Read implements audit.Source. Documents are decoded while the next are fetched.
func (p *indexPlace) Read(ctx context.Context, each func(*audit.Copy) error) error {
	if err := p.refresh(ctx); err != nil {
		return err
	}
	query, err := json.Marshal(map[string]any{"term": map[string]string{"bank_code": string(p.code)}})
	if err != nil {
		return err
	}
	documents := make(chan elastic.Document, readAhead)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(documents)
		scan := elastic.Scan{Index: auditedIndices, Query: query, Page: auditedPage}
		return p.client.Scan(ctx, scan, func(d elastic.Document) error {
			select {
			case documents <- d:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
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
	return group.Wait()
}

// Find implements audit.Source, among the documents of all banks.
func (p *indexPlace) Find(ctx context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	query, err := json.Marshal(map[string]any{"ids": map[string]any{"values": []string{wanted.EventID}}})
	if err != nil {
		return nil, err
	}
	var found []audit.Copy
	err = p.client.Scan(ctx, elastic.Scan{Index: auditedIndices, Query: query}, func(d elastic.Document) error {
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
	if errors.Is(err, elastic.ErrNotFound) {
		return nil
	}
	return err
}
