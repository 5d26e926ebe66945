// Package heads publishes the heads of audit logs. Whoever can write into a database can write its whole
// audit log anew, and the new one is a chain too. He cannot take back the heads that were published before.
//
//	heads.go      Published: a head as a record of the topic
//	publisher.go  Publisher: publishes the head of one log, again and again
//
// The value of a record is a JSON object, not Avro: a check of the past must need nothing but the
// records themselves, and no schema registry that answers today.
package heads

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"codebank.dev/platform/auditlog"
)

// Topic has one partition and keeps its records forever. The key of a record is the name of the service.
const Topic = "audit-heads.v1"

// NoBank is the bank code of a service that belongs to no bank.
const NoBank = "-"

// Published is the head of a service's audit log, as it was at a time.
type Published struct {
	// Service is the name of the program that keeps the log, such as identity.
	Service string
	// BankCode is the bank's code of three digits, or NoBank.
	BankCode string
	Head     auditlog.Head
	// At is when the head was read.
	At time.Time
}

// value is the JSON of a record.
type value struct {
	Service  string    `json:"service"`
	BankCode string    `json:"bank_code"`
	Sequence int64     `json:"sequence"`
	Hash     string    `json:"hash"`
	At       time.Time `json:"at"`
}

// Encode returns the value of a record. The error is about a time that JSON cannot say.
func (p *Published) Encode() ([]byte, error) {
	return json.Marshal(value{p.Service, p.BankCode, p.Head.Sequence, hex.EncodeToString(p.Head.Hash[:]), p.At.UTC()})
}

var errNoHead = errors.New("heads: the record is not a head")

// Parse reads the value of a record. The error says why it is not a head, and does not repeat it.
func Parse(text []byte) (Published, error) {
	var v value
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		return Published{}, fmt.Errorf("%w: its value is not the JSON object of one", errNoHead)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Published{}, fmt.Errorf("%w: its value is more than one", errNoHead)
	}
	p := Published{Service: v.Service, BankCode: v.BankCode, Head: auditlog.Head{Sequence: v.Sequence}, At: v.At.UTC()}
	switch n, err := hex.Decode(p.Head.Hash[:], []byte(v.Hash[:min(len(v.Hash), 2*len(p.Head.Hash))])); {
	case err != nil || n != len(p.Head.Hash) || len(v.Hash) != 2*n:
		return Published{}, fmt.Errorf("%w: its hash is not one", errNoHead)
	case v.Service == "" || v.BankCode == "" || v.At.IsZero():
		return Published{}, fmt.Errorf("%w: it does not say whose it is, or from when", errNoHead)
	case v.Sequence < 0:
		return Published{}, fmt.Errorf("%w: its sequence is negative", errNoHead)
	}
	return p, nil
}
