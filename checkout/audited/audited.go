// Package audited makes the records of the audit log for requests over HTTP.
package audited

import (
	"net/http"
	"net/netip"
	"time"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/serve"
)

// Origin returns the network address that a request comes from; serve.Server.AddressOf is one. Nil means that addresses are
// not recorded.
type Origin func(r *http.Request) netip.Addr

// Record returns the record of an act that a request asks for: who asks, from where, and to what it is done. It is to be
// committed with the act.
func (o Origin) Record(r *http.Request, at time.Time, act auditlog.Act, what string) auditlog.Record {
	subject := serve.Principal(r.Context())
	record := auditlog.Record{
		At: at, Act: act, WhoKind: subject.Kind.String(), Who: subject.Name, What: what, Trace: serve.TraceID(r.Context()), Result: auditlog.ResultOK,
	}
	if o == nil {
		return record
	}
	if from := o(r); from.IsValid() {
		record.Address = from.String()
	}
	return record
}
