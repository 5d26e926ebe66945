package results_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/gateway"
	"codebank.dev/gateway/results"
	"codebank.dev/gateway/transfer"
	"codebank.dev/platform/id"
	"codebank.dev/platform/registry"
	"codebank.dev/schemas"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// recorder is a gateway.Store that notes what it is to end.
type recorder struct {
	gateway.Store
	endings []gateway.Ending
	err     error
}

func (r *recorder) End(_ context.Context, endings []gateway.Ending) ([]gateway.Ending, error) {
	if r.err != nil {
		return nil, r.err
	}
	r.endings = append(r.endings, endings...)
	return endings, nil
}

// world is a handler with a registry that may be away.
type world struct {
	*results.Handler
	store  *recorder
	away   atomic.Bool
	number uint32 // of the schema of results
	other  uint32 // of another schema
	keys   *command.Keys
	key    *command.Key
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{store: new(recorder)}
	fake := srfake.New()
	t.Cleanup(fake.Close)
	target, err := url.Parse(fake.URL())
	require.NoError(t, err)
	through := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if w.away.Load() {
			out.WriteHeader(http.StatusBadGateway)
			return
		}
		through.ServeHTTP(out, in)
	}))
	t.Cleanup(proxy.Close)
	client, err := registry.New(proxy.URL, registry.Timeout, nil)
	require.NoError(t, err)
	for folder, number := range map[string]*uint32{"command-results": &w.number, "watermarks": &w.other} {
		versions, err := schemas.Schemas(folder)
		require.NoError(t, err)
		made, err := client.CreateSchema(t.Context(), folder, sr.Schema{Schema: versions[0].Schema, Type: sr.TypeAvro})
		require.NoError(t, err)
		*number = uint32(made.ID)
	}
	w.keys = newKeys(t)
	w.key = w.keys.Signer(gateway.Namespace)
	w.Handler = results.New(results.Config{
		Store: w.store, Registry: registry.Remember(client, nil), Keys: w.keys, BankCode: "001", Logger: slog.New(slog.DiscardHandler),
	})
	return w
}

// newKeys returns keys of the gateway and of another producer.
func newKeys(t *testing.T) *command.Keys {
	t.Helper()
	keys, err := command.ParseKeys([]byte(`{"keys":[]}`))
	require.NoError(t, err)
	for _, producer := range []string{gateway.Namespace, "events"} {
		content, err := keys.With(producer+"-1", producer, true)
		require.NoError(t, err)
		keys, err = command.ParseKeys(content)
		require.NoError(t, err)
	}
	return keys
}

// sign gives a record the MAC of a key, for a topic.
func sign(record *kgo.Record, key *command.Key, topic string) *kgo.Record {
	_, body, _ := event.ParseFrame(record.Value)
	mac := key.Sign(command.Record{Topic: topic, Key: record.Key, Body: body})
	record.Headers = []kgo.RecordHeader{{Key: command.HeaderKey, Value: []byte(key.ID)}, {Key: command.HeaderMAC, Value: []byte(mac)}}
	return record
}

// topic is that of the results.
var topic = transfer.ResultsTopic("001")

// record is a signed result under the number of a schema.
func (w *world) record(t *testing.T, number uint32, change func(*command.Result)) *kgo.Record {
	t.Helper()
	result := command.Result{
		BankCode: "001", Producer: gateway.Namespace, RequestID: id.ID{7}.String(), TransactionID: id.ID{8}.String(), Kind: command.Transfer,
		AccountID: id.ID{9}.String(), Status: command.Completed, Sequence: 5, AmountMinor: 1, Currency: "BRL", DecidedAtMillis: 1000,
	}
	change(&result)
	body, err := command.Encode(&result)
	require.NoError(t, err)
	return sign(&kgo.Record{Topic: topic, Key: []byte(result.AccountID), Value: append(event.AppendFrame(nil, number), body...)}, w.key, topic)
}

func unchanged(*command.Result) {}

func TestAResultEndsItsTransfer(t *testing.T) {
	w := newWorld(t)
	letters, err := w.Handle(t.Context(), []*kgo.Record{
		w.record(t, w.number, unchanged),
		w.record(t, w.number, func(r *command.Result) {
			r.RequestID, r.Status, r.Reason, r.Sequence = id.ID{6}.String(), command.Cancelled, "INSUFFICIENT_FUNDS", 0
		}),
		w.record(t, w.number, func(r *command.Result) { r.Producer = "events" }),
	})
	require.NoError(t, err)
	require.Empty(t, letters)
	at := time.UnixMilli(1000).UTC()
	require.Equal(t, []gateway.Ending{
		{ID: id.ID{7}, Status: gateway.Completed, TransactionID: id.ID{8}, Sequence: 5, At: at},
		{ID: id.ID{6}, Status: gateway.Cancelled, Error: gateway.NotEnoughFunds, At: at},
	}, w.store.endings)
	require.Equal(t, results.Stats{Completed: 1, Cancelled: 1, Foreign: 1}, w.Stats())
}

func TestWhatCannotBeReadHoldsNothingUp(t *testing.T) {
	w := newWorld(t)
	garbage := w.record(t, w.number, unchanged)
	garbage.Value = garbage.Value[:len(garbage.Value)-3]
	_, err := w.Handle(t.Context(), []*kgo.Record{
		{Value: []byte("no frame")}, garbage, w.record(t, w.other, unchanged), w.record(t, 4711, unchanged), w.record(t, w.number, unchanged),
	})
	require.NoError(t, err)
	require.Len(t, w.store.endings, 1)
	require.Equal(t, results.Stats{Completed: 1, Unreadable: 4}, w.Stats())
}

func TestWhileTheRegistryOrTheStoreIsAwayTheRecordsWait(t *testing.T) {
	w := newWorld(t)
	w.away.Store(true)
	_, err := w.Handle(t.Context(), []*kgo.Record{w.record(t, w.number, unchanged)})
	require.Error(t, err)
	w.away.Store(false)
	w.store.err = errors.New("away")
	_, err = w.Handle(t.Context(), []*kgo.Record{w.record(t, w.number, unchanged)})
	require.Error(t, err)
	w.store.err = nil
	w.away.Store(true)
	_, err = w.Handle(t.Context(), []*kgo.Record{w.record(t, w.number, unchanged)})
	require.NoError(t, err, "the schema is known")
	require.Equal(t, results.Stats{Completed: 1}, w.Stats())
}

func TestAResultThatTheBankHasNotSignedEndsNothing(t *testing.T) {
	w := newWorld(t)
	whole := func() *kgo.Record { return w.record(t, w.number, unchanged) }
	unsigned, moved := whole(), whole()
	unsigned.Headers = nil
	moved.Key = []byte(id.ID{10}.String())
	stranger := newKeys(t).Signer(gateway.Namespace)
	_, err := w.Handle(t.Context(), []*kgo.Record{
		unsigned, moved,
		sign(whole(), stranger, topic),
		sign(whole(), w.key, transfer.CommandsTopic("001")),
		sign(whole(), w.keys.Signer("events"), topic),
	})
	require.NoError(t, err)
	require.Empty(t, w.store.endings)
	require.Equal(t, results.Stats{Unreadable: 5}, w.Stats())
}

func TestAResultThatNoDatabaseKeepsHoldsNothingUp(t *testing.T) {
	w := newWorld(t)
	cancelled := func(reason string) *kgo.Record {
		return w.record(t, w.number, func(r *command.Result) { r.Status, r.Reason, r.Sequence = command.Cancelled, reason, 0 })
	}
	_, err := w.Handle(t.Context(), []*kgo.Record{
		w.record(t, w.number, func(r *command.Result) { r.DecidedAtMillis = 1 << 60 }),
		w.record(t, w.number, func(r *command.Result) { r.DecidedAtMillis = -1 }),
		cancelled("A\x00B"), cancelled("a sentence"), cancelled(strings.Repeat("A", 65)),
		w.record(t, w.number, unchanged),
	})
	require.NoError(t, err)
	require.Len(t, w.store.endings, 1)
	require.Equal(t, results.Stats{Completed: 1, Foreign: 5}, w.Stats())
}
