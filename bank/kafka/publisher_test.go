package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/bank"
	"codebank.dev/native/await"
	"codebank.dev/schemas"
	"codebank.dev/schemas/event"
)

const partitions = 6

// world is a broker and a registry, with the published and the answered events.
type world struct {
	t        *testing.T
	cluster  *kfake.Cluster
	brokers  []string
	options  []kgo.Opt // options of the reading client
	registry *srfake.Registry
	schemaID int

	mutex   sync.Mutex
	answers map[string]error
	doubled []string
}

func newWorld(t *testing.T, options ...kfake.Opt) *world {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(1), kfake.SeedTopics(partitions, Topic("001"))}, options...)...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	registry := srfake.New()
	t.Cleanup(registry.Close)
	return &world{t: t, cluster: cluster, brokers: cluster.ListenAddrs(), registry: registry, answers: make(map[string]error)}
}

// register registers the schemas as the provisioning command does.
func (w *world) register() {
	w.t.Helper()
	client, err := sr.NewClient(sr.URLs(w.registry.URL()))
	require.NoError(w.t, err)
	versions, err := schemas.Schemas(schemaFolder)
	require.NoError(w.t, err)
	for _, version := range versions {
		found, err := client.CreateSchema(w.t.Context(), schemas.Subject(Topic("001")), sr.Schema{Schema: version.Schema})
		require.NoError(w.t, err)
		w.schemaID = found.ID
	}
}

func (w *world) open(adjust func(*PublisherConfig)) *Publisher {
	w.t.Helper()
	config := PublisherConfig{
		Code: "001", Brokers: w.brokers, RegistryURL: w.registry.URL(),
		ClientOptions: []kgo.Opt{
			kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }),
			kgo.MetadataMinAge(10 * time.Millisecond),
		},
	}
	if adjust != nil {
		adjust(&config)
	}
	p, err := NewPublisher(config)
	require.NoError(w.t, err)
	w.t.Cleanup(p.Close)
	return p
}

func eventOf(account byte, sequence int64) bank.Event {
	id := bank.ID{account, 1}
	return bank.Event{
		TransactionID: bank.ID{account, 2}, AccountID: id, Key: id, Sequence: sequence,
		SchemaVersion: event.NewestVersion, Body: fmt.Appendf(nil, "%d:%d", account, sequence),
	}
}

func (w *world) publish(ctx context.Context, p *Publisher, event bank.Event) {
	p.Publish(ctx, event, func(err error) {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		if _, ok := w.answers[string(event.Body)]; ok {
			w.doubled = append(w.doubled, string(event.Body))
		}
		w.answers[string(event.Body)] = err
	})
}

func (w *world) flush(p *Publisher) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(w.t, p.Flush(ctx))
}

// requireAnswered fails unless every publication has exactly one answer, without an error.
func (w *world) requireAnswered(n int) {
	w.t.Helper()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	require.Len(w.t, w.answers, n)
	require.Empty(w.t, w.doubled)
	for body, err := range w.answers {
		require.NoError(w.t, err, body)
	}
}

// records returns every record of the topic, each partition in its order.
func (w *world) records(atLeast int) []*kgo.Record {
	w.t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(w.brokers...), kgo.ConsumeTopics(Topic("001")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50 * time.Millisecond),
	}, w.options...)...)
	require.NoError(w.t, err)
	defer client.Close()
	var records []*kgo.Record
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	for len(records) < atLeast {
		fetches := client.PollFetches(ctx)
		require.NoError(w.t, ctx.Err(), "%d of %d records", len(records), atLeast)
		records = append(records, fetches.Records()...)
	}
	return records
}

// requireInOrder fails unless the first occurrences of each account are 1, 2, 3 … up to last.
func (w *world) requireInOrder(records []*kgo.Record, accounts int, last int64) {
	w.t.Helper()
	seen := make(map[string]int64)
	for _, record := range records {
		var account int
		var sequence int64
		_, body, err := event.ParseFrame(record.Value)
		require.NoError(w.t, err)
		_, err = fmt.Sscanf(string(body), "%d:%d", &account, &sequence)
		require.NoError(w.t, err)
		require.LessOrEqual(w.t, sequence, seen[string(record.Key)]+1, "gap before %s at offset %d of partition %d",
			body, record.Offset, record.Partition)
		seen[string(record.Key)] = max(seen[string(record.Key)], sequence)
	}
	require.Len(w.t, seen, accounts)
	for account, sequence := range seen {
		require.Equal(w.t, last, sequence, account)
	}
}

func TestRecordIsKeyFrameAndBody(t *testing.T) {
	w := newWorld(t)
	w.register()
	p := w.open(nil)
	w.publish(t.Context(), p, eventOf(7, 1))
	w.flush(p)
	w.requireAnswered(1)
	record := w.records(1)[0]
	require.Equal(t, bank.ID{7, 1}.String(), string(record.Key))
	id, body, err := event.ParseFrame(record.Value)
	require.NoError(t, err)
	require.Equal(t, uint32(w.schemaID), id)
	require.Equal(t, "7:1", string(body))
	stats := p.Stats()
	require.Equal(t, int64(1), stats.Acknowledged)
	require.Equal(t, int64(len(record.Value)), stats.Bytes)
	require.Zero(t, stats.Pending)
}

func TestEachKeyKeepsItsOrder(t *testing.T) {
	w := newWorld(t)
	w.register()
	p := w.open(func(c *PublisherConfig) { c.MaxGroup, c.MaxWaiting = 100, 50 })
	const accounts, each = 20, 100
	for sequence := range int64(each) {
		for account := range byte(accounts) {
			w.publish(t.Context(), p, eventOf(account, sequence+1))
		}
	}
	w.flush(p)
	w.requireAnswered(accounts * each)
	records := w.records(accounts * each)
	require.Len(t, records, accounts*each, "no repeats without a failure")
	w.requireInOrder(records, accounts, each)
	require.Greater(t, p.Stats().Groups, int64(accounts*each/100-1))
}

// failing answers some produce requests with an error, either instead of writing or after writing.
func failing(w *world, code int16, every, times int64) *atomic.Int64 {
	var seen, failed atomic.Int64
	w.cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		if seen.Add(1)%every != 0 || failed.Load() >= times {
			return nil, nil, false
		}
		failed.Add(1)
		produce := request.(*kmsg.ProduceRequest)
		response := produce.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range produce.Topics {
			answer := kmsg.NewProduceResponseTopic()
			answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				one := kmsg.NewProduceResponseTopicPartition()
				one.Partition, one.ErrorCode = partition.Partition, code
				answer.Partitions = append(answer.Partitions, one)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
	return &failed
}

// A refusal by size is told of a single event; it has tests of its own.
func TestAfterAnyBrokerErrorNoEventIsLostOrOvertaken(t *testing.T) {
	for _, code := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.RequestTimedOut, kerr.UnknownTopicOrPartition,
		kerr.CorruptMessage, kerr.InvalidRecord, kerr.TopicAuthorizationFailed,
		kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.InvalidProducerEpoch, kerr.ProducerFenced,
		kerr.ClusterAuthorizationFailed, kerr.UnknownServerError,
	} {
		t.Run(code.Message, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.register()
			failed := failing(w, code.Code, 3, 6)
			p := w.open(func(c *PublisherConfig) { c.MaxGroup = 64 })
			const accounts, each = 12, 100
			for sequence := range int64(each) {
				for account := range byte(accounts) {
					w.publish(t.Context(), p, eventOf(account, sequence+1))
				}
			}
			w.flush(p)
			w.requireAnswered(accounts * each)
			require.Equal(t, int64(6), failed.Load())
			w.requireInOrder(w.records(accounts*each), accounts, each)
		})
	}
}

func TestABrokerThatRestartsLosesNothing(t *testing.T) {
	// One broker on one port that keeps its data while it is away.
	folder := t.TempDir()
	w := newWorld(t, kfake.DataDir(folder), kfake.SyncWrites())
	w.register()
	address := w.brokers[0]
	var port int
	_, err := fmt.Sscanf(address[strings.LastIndexByte(address, ':')+1:], "%d", &port)
	require.NoError(t, err)
	p := w.open(func(c *PublisherConfig) { c.MaxGroup = 50 })
	const accounts, each, outages = 8, 150, 3
	for sequence := range int64(each) {
		if sequence%(each/outages) == each/outages/2 {
			w.cluster.Close()
			for account := range byte(accounts) { // publishing goes on
				w.publish(t.Context(), p, eventOf(account+100, sequence))
			}
			w.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(folder),
				kfake.SyncWrites(), kfake.SeedTopics(partitions, Topic("001")))
			require.NoError(t, err)
			t.Cleanup(w.cluster.Close)
		}
		for account := range byte(accounts) {
			w.publish(t.Context(), p, eventOf(account, sequence+1))
		}
	}
	w.flush(p)
	w.requireAnswered(accounts * (each + outages))
	records := slices.DeleteFunc(w.records(accounts*(each+outages)), func(r *kgo.Record) bool {
		return r.Value[5] == '1' && len(r.Value) > 8 && r.Value[8] == ':' // account 100 and above
	})
	w.requireInOrder(records, accounts, each)
}

func TestPublishingWaitsForATopicThatDoesNotExistYet(t *testing.T) {
	w := newWorld(t)
	w.register()
	require.NoError(t, w.cluster.DeleteTopic(Topic("001")))
	p := w.open(nil)
	for sequence := range int64(10) {
		w.publish(t.Context(), p, eventOf(1, sequence+1))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Flush(ctx), context.DeadlineExceeded)
	require.NoError(t, w.cluster.CreateTopic(Topic("001"), partitions, nil))
	w.flush(p)
	w.requireAnswered(10)
	w.requireInOrder(w.records(10), 1, 10)
}

// registryProxy stands in front of the registry. It answers with errors while told to, counts the
// requests and lets no schema be registered.
type registryProxy struct {
	http.Handler
	away  atomic.Bool
	asked atomic.Int64
}

func (f *registryProxy) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	f.asked.Add(1)
	switch {
	case f.away.Load():
		http.Error(out, `{"error_code":50001,"message":"not now"}`, http.StatusInternalServerError)
	case in.Method != http.MethodPost || in.URL.Path != "/subjects/"+schemas.Subject(Topic("001")):
		http.Error(out, `{"error_code":42201,"message":"a publisher looks up, nothing else"}`, http.StatusForbidden)
	default:
		f.Handler.ServeHTTP(out, in)
	}
}

func TestPublishingGoesOnWithATopicThatWasMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.register()
	p := w.open(nil)
	w.publish(t.Context(), p, eventOf(1, 1))
	w.flush(p)
	require.NoError(t, w.cluster.DeleteTopic(Topic("001")))
	require.NoError(t, w.cluster.CreateTopic(Topic("001"), partitions, nil))
	for sequence := range int64(10) {
		w.publish(t.Context(), p, eventOf(2, sequence+1))
	}
	w.flush(p)
	w.requireAnswered(11)
	w.requireInOrder(w.records(10), 1, 10)
}

func TestPublishingWaitsForARegistryThatIsAway(t *testing.T) {
	w := newWorld(t)
	w.register()
	target, err := url.Parse(w.registry.URL())
	require.NoError(t, err)
	f := &registryProxy{Handler: httputil.NewSingleHostReverseProxy(target)}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.away.Store(true)
	p := w.open(func(c *PublisherConfig) { c.RegistryURL = server.URL })
	for sequence := range int64(10) {
		w.publish(t.Context(), p, eventOf(1, sequence+1))
	}
	await.Until(t, func() bool { return f.asked.Load() >= 2 }, time.Minute, time.Millisecond, "cold: it asks again")
	require.Equal(t, 10, p.Stats().Pending, "cold: nothing is dropped")
	f.away.Store(false)
	w.flush(p)

	f.away.Store(true)
	asked := f.asked.Load()
	for sequence := range int64(10) {
		w.publish(t.Context(), p, eventOf(1, sequence+11))
	}
	w.flush(p)
	require.Equal(t, asked, f.asked.Load(), "warm: it needs no registry")
	w.requireAnswered(20)
	w.requireInOrder(w.records(20), 1, 20)
}

func TestPublishingWaitsForASchemaThatIsNotRegisteredYet(t *testing.T) {
	w := newWorld(t)
	p := w.open(nil)
	w.publish(t.Context(), p, eventOf(1, 1))
	await.Until(t, func() bool { return p.Stats().SchemaMissing }, time.Minute, time.Millisecond)
	require.Equal(t, 1, p.Stats().Pending)
	w.register()
	w.flush(p)
	w.requireAnswered(1)
	require.False(t, p.Stats().SchemaMissing)
	require.Len(t, w.records(1), 1)
}

func TestFullPublisherBlocksUntilTheContextEnds(t *testing.T) {
	w := newWorld(t) // no schema is registered, so no event leaves
	p := w.open(func(c *PublisherConfig) { c.MaxWaiting = 10 })
	w.publish(t.Context(), p, eventOf(1, 1))
	await.Until(t, func() bool { return p.Stats().SchemaMissing }, time.Minute, time.Millisecond, "one is on its way")
	for sequence := int64(2); sequence <= 11; sequence++ {
		w.publish(t.Context(), p, eventOf(1, sequence))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	w.publish(ctx, p, eventOf(1, 12))
	require.ErrorIs(t, w.answer("1:12"), context.DeadlineExceeded)
	require.Equal(t, 11, p.Stats().Pending)

	// Later events must not overtake it.
	w.register()
	await.Until(t, func() bool { return p.Stats().Pending == 0 }, time.Minute, time.Millisecond)
	w.publish(t.Context(), p, eventOf(1, 13))
	require.ErrorIs(t, w.answer("1:13"), ErrRefused)
	w.flush(p)
	w.publish(t.Context(), p, eventOf(1, 12))
	w.publish(t.Context(), p, eventOf(1, 13))
	w.flush(p)
	w.requireAnswered(13)
	w.requireInOrder(w.records(13), 1, 13)
}

// answer removes the answer for a body, so that it may be published again.
func (w *world) answer(body string) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	err := w.answers[body]
	delete(w.answers, body)
	return err
}

func TestAnEventThatFitsNoRecordIsRefused(t *testing.T) {
	w := newWorld(t)
	w.register()
	p := w.open(nil)
	big := eventOf(1, 1)
	big.Body = make([]byte, maxBody+1)
	var got error
	p.Publish(t.Context(), big, func(err error) { got = err })
	require.ErrorIs(t, got, bank.ErrEventTooLarge)
	p.Publish(t.Context(), eventOf(1, 2), func(err error) { got = err })
	require.ErrorIs(t, got, ErrRefused)
}

// random returns an event whose body does not get smaller by compression.
func random(account byte, sequence int64, length int) bank.Event {
	e := eventOf(account, sequence)
	e.Body = append(e.Body, ' ')
	for len(e.Body) < length {
		e.Body = append(e.Body, byte('a'+rand.IntN(26)))
	}
	return e
}

// limitTopic sets the longest batch that the topic of events takes.
func (w *world) limitTopic(bytes int) {
	w.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...))
	require.NoError(w.t, err)
	defer client.Close()
	limit := strconv.Itoa(bytes)
	_, err = kadm.NewClient(client).AlterTopicConfigs(w.t.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &limit}}, Topic("001"))
	require.NoError(w.t, err)
}

// The limit of the topic was lowered: each event fits, and the groups do not.
func TestAGroupThatIsTooLargeIsSentInSmallerOnes(t *testing.T) {
	w := newWorld(t)
	w.register()
	w.limitTopic(2000)
	p := w.open(nil)
	const accounts, each = 12, 60
	publish := func(from int64) {
		for sequence := from; sequence < from+each; sequence++ {
			for account := range byte(accounts) {
				w.publish(t.Context(), p, random(account, sequence, 500))
			}
		}
		w.flush(p)
	}
	publish(1)
	w.requireAnswered(accounts * each)
	require.Positive(t, p.Stats().Recoveries)
	// Groups are of the size of what waits, so a round may have had none of the size that is still too
	// large. Each recovery halves the limit, so the rounds without one come soon.
	known, rounds := false, int64(1)
	for ; !known && rounds < 20; rounds++ {
		recoveries := p.Stats().Recoveries
		publish(rounds*each + 1)
		w.requireAnswered(int(rounds+1) * accounts * each)
		known = recoveries == p.Stats().Recoveries
	}
	require.True(t, known, "the limit is known by now")
	require.Less(t, p.Stats().Recoveries, int64(20))
	w.requireInOrder(w.records(int(rounds)*accounts*each), accounts, rounds*each)
}

// One event of a group is too large. The groups of the others stay large.
func TestAnEventThatIsTooLargeMakesNoOtherGroupSmall(t *testing.T) {
	w := newWorld(t)
	w.register()
	w.limitTopic(20_000)
	p := w.open(nil)
	w.publish(t.Context(), p, random(1, 1, 30_000))
	w.flush(p)
	for sequence := range int64(100) {
		w.publish(t.Context(), p, random(2, sequence+1, 100))
	}
	w.publish(t.Context(), p, random(3, 1, 30_000))
	w.flush(p)
	for account := range byte(50) {
		w.publish(t.Context(), p, random(10+account, 1, 100))
	}
	w.flush(p)
	require.Greater(t, p.limit.fits(make([]publication, 1000)), 100, "%d", p.limit.bytes)
}

// A single event is larger than the topic takes. Only the later events of its key wait for it.
func TestASingleEventThatIsTooLargeIsToldAsSuch(t *testing.T) {
	w := newWorld(t)
	w.register()
	w.limitTopic(2000)
	p := w.open(nil)
	const accounts, each = 12, 20
	large := random(3, 7, 2500)
	var events []bank.Event
	for sequence := range int64(each) {
		for account := range byte(accounts) {
			e := random(account, sequence+1, 100)
			if account == 3 && sequence+1 == 7 {
				e = large
			}
			events = append(events, e)
			w.publish(t.Context(), p, e)
		}
	}
	w.flush(p)
	require.ErrorIs(t, w.answer(string(large.Body)), bank.ErrEventTooLarge)
	again := 0
	for _, e := range events {
		switch err := w.answer(string(e.Body)); {
		case e.AccountID == large.AccountID && e.Sequence > 7:
			require.ErrorIs(t, err, ErrRefused)
		case e.AccountID == large.AccountID:
			require.NoError(t, err)
		case err != nil:
			require.ErrorIs(t, err, ErrRefused)
			again++
			w.publish(t.Context(), p, e)
		}
	}
	w.flush(p)
	w.requireAnswered(again)
	w.limitTopic(1 << 20)
	for _, e := range events {
		if e.AccountID == large.AccountID && e.Sequence >= 7 {
			w.publish(t.Context(), p, e)
		}
	}
	w.flush(p)
	w.requireInOrder(w.records(accounts*each), accounts, each)
}

func TestTheLimitOfAGroupGrowsAgain(t *testing.T) {
	now := time.Unix(0, 0)
	limit := sizeLimit{}
	group := make([]publication, 100)
	for i := range group {
		group[i].event.Body = make([]byte, 100)
	}
	require.Equal(t, 100, limit.fits(group))
	require.True(t, limit.lower(group, now))
	require.Equal(t, 50, limit.fits(group))
	for range 20 {
		limit.lower(group[:max(limit.fits(group), 2)], now)
	}
	require.Equal(t, 1, limit.fits(group), "at least one event is sent")
	for i := range 20 {
		limit.succeeded(now)
		require.LessOrEqual(t, limit.fits(group), 1<<i)
		now = now.Add(growLimit)
	}
	require.Equal(t, 100, limit.fits(group))
	require.False(t, limit.lower(group, now), "nothing new to tell")
}

func TestCloseAnswersEverything(t *testing.T) {
	for name, prepare := range map[string]func(*world){
		"registry silent": func(*world) {},
		"broker silent": func(w *world) {
			w.register()
			w.cluster.Close()
		},
		"broker slow": func(w *world) {
			w.register()
			w.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				w.cluster.KeepControl()
				w.cluster.SleepControl(func() { time.Sleep(300 * time.Millisecond) })
				return nil, nil, false
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			prepare(w)
			p := w.open(func(c *PublisherConfig) { c.MaxGroup = 5 })
			for sequence := range int64(20) {
				w.publish(t.Context(), p, eventOf(1, sequence+1))
			}
			p.Close()
			p.Close()
			w.publish(t.Context(), p, eventOf(1, 21))
			w.mutex.Lock()
			defer w.mutex.Unlock()
			require.Len(t, w.answers, 21)
			require.Empty(t, w.doubled)
			require.ErrorIs(t, w.answers["1:21"], ErrClosed)
			for _, err := range w.answers {
				require.True(t, err == nil || errors.Is(err, ErrClosed))
			}
			require.Zero(t, p.Stats().Pending)
		})
	}
}

func TestAConfigurationThatCannotBeUsedIsAnError(t *testing.T) {
	_, err := NewPublisher(PublisherConfig{Code: "001", Brokers: []string{"127.0.0.1:notaport"}, RegistryURL: "http://127.0.0.1:1"})
	require.Error(t, err)
}
