// Package auditlogs checks the audit logs of services: that each is a chain, and that the chain leads to
// the heads that its service has published.
//
//	auditlogs.go  Log, Verify: one log, and what became of it
//	published.go  the heads on the topic
package auditlogs

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
)

// Log says whose audit log it is: the name of the program, and the code of its bank or heads.NoBank.
type Log struct{ Service, BankCode string }

// Report is what is known of a log.
type Report struct {
	Service  string `json:"service"`
	BankCode string `json:"bank_code"`
	Whole    bool   `json:"whole"`
	// Rows and Head are those of a log that is whole.
	Rows int64  `json:"rows"`
	Head string `json:"head,omitempty"`
	// Published is how many published heads the log was compared with, and LastPublished when the last
	// of them was read.
	Published     int        `json:"published_heads"`
	LastPublished *time.Time `json:"last_published_at,omitempty"`
	// Row is the first row that shows that the log is not whole, and Problem says how.
	Row     int64  `json:"row,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// errURL does not repeat the URL, because the URL may hold a password.
var errURL = errors.New("auditlogs: the database URL cannot be read: it must look like postgres://USER:PASSWORD@HOST:5432/DATABASE")

// errNotPublished is the problem of a log without a published head.
const errNotPublished = "no head of it was published, so nothing tells whether it was written anew: its program needs --kafka-brokers"

// Verify checks the log in a database. With published heads, it also checks that the chain leads to
// those of the log; nil compares with none. A log that is not whole is no error.
func Verify(ctx context.Context, databaseURL string, log Log, published *Published) (*Report, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errURL
	}
	config.RuntimeParams["application_name"] = "bankctl"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("auditlogs: the database of %s: %w", log.Service, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	report := &Report{Service: log.Service, BankCode: log.BankCode}
	var compared []auditlog.Head
	if published != nil {
		for _, head := range published.of[log] {
			compared = append(compared, head.Head)
			if report.LastPublished == nil || head.At.After(*report.LastPublished) {
				report.LastPublished = &head.At
			}
		}
		report.Published = len(compared)
	}
	head, err := table.Verify(ctx, conn, compared...)
	broken := new(auditlog.BrokenError)
	switch {
	case errors.As(err, &broken):
		report.Row, report.Problem = broken.Sequence, broken.Error()
	case err != nil:
		return nil, fmt.Errorf("auditlogs: the database of %s: %w", log.Service, err)
	case published != nil && len(compared) == 0:
		report.Problem = errNotPublished
	default:
		report.Whole = true
		report.Rows, report.Head = head.Sequence, hex.EncodeToString(head.Hash[:])
	}
	return report, nil
}
