package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"codebank.dev/stack/pipes"
	"github.com/google/uuid"
)

// transfersPerPage is how many transfers the gateway shows at a time, at most.
const transfersPerPage = 100

// resolveCommands asks again for every transfer that was not accepted, waits until every transfer has ended, and
// reads how. It returns how many were not accepted.
func (l *load) resolveCommands(ctx context.Context) (open int, err error) {
	l.commands.ends = make(map[uuid.UUID]shownTransfer)
	for i, c := range l.commands.customers {
		d, err := l.newDesk(c)
		if err != nil {
			return open, err
		}
		defer d.client.CloseIdleConnections()
		for _, a := range l.commands.transfers() {
			if a.customer != c || a.accepted != nil {
				continue
			}
			open++
			if err := d.awaitAccepted(ctx, a); err != nil {
				return open, err
			}
		}
		if err := d.awaitEnds(ctx); err != nil {
			return open, fmt.Errorf("customer %d: %w", i, err)
		}
		if err := d.readEnds(ctx); err != nil {
			return open, fmt.Errorf("customer %d: %w", i, err)
		}
	}
	return open, nil
}

// awaitAccepted asks for a transfer until it is accepted.
func (d *desk) awaitAccepted(ctx context.Context, a *asked) error {
	return pipes.Await(ctx, resolveTimeout, func(ctx context.Context) error {
		if !d.askOnce(ctx, a) {
			return fmt.Errorf("%s of %d is not accepted", a.key, a.amount)
		}
		return nil
	})
}

// transferPage is a page of a customer's transfers.
type transferPage struct {
	Transfers     []shownTransfer `json:"transfers"`
	NextPageToken string          `json:"next_page_token"`
}

// page reads a page of the customer's transfers.
func (d *desk) page(ctx context.Context, query string) (page transferPage, err error) {
	ctx, cancel := callContext(ctx)
	defer cancel()
	answer, kind := d.call(ctx, deskRequest{method: http.MethodGet, path: "/q/transfers?" + query})
	if kind != classOK {
		return page, fmt.Errorf("the transfers of a customer cannot be read: %s", kind)
	}
	return page, json.Unmarshal(answer.body, &page)
}

// awaitEnds waits until no transfer of the customer is processing.
func (d *desk) awaitEnds(ctx context.Context) error {
	return pipes.Await(ctx, resolveTimeout, func(ctx context.Context) error {
		page, err := d.page(ctx, "status="+processing+"&page_size=1")
		if err == nil && len(page.Transfers) > 0 {
			err = fmt.Errorf("transfer %s is still processing", page.Transfers[0].ID)
		}
		return err
	})
}

// readEnds reads all transfers of the customer.
func (d *desk) readEnds(ctx context.Context) error {
	for token := ""; ; {
		var page transferPage
		err := pipes.Await(ctx, time.Minute, func(ctx context.Context) (err error) {
			page, err = d.page(ctx, fmt.Sprintf("page_size=%d&page_token=%s", transfersPerPage, token))
			return err
		})
		if err != nil {
			return err
		}
		for _, shown := range page.Transfers {
			if _, twice := d.load.commands.ends[shown.ID]; twice {
				d.load.observed.report(acceptedKept, "transfer %s is listed twice", shown.ID)
			}
			d.load.commands.ends[shown.ID] = shown
		}
		if token = page.NextPageToken; token == "" {
			return nil
		}
	}
}
