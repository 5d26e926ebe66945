package intake

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"codebank.dev/codepix/failpoints"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/failpoint"
	"codebank.dev/schemas/command"
)

// ReadersConfig says what is read. All fields but BrokerAuth and Failpoint are required.
type ReadersConfig struct {
	// Intake is what handlers work with.
	Intake  Config
	Brokers []string
	// BrokerAuth says how to sign in to the brokers; nil for plain connections.
	BrokerAuth *clientauth.Client
	Offsets    consumer.Offsets
	Logger     *slog.Logger
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Readers reads the topics of all banks that take part, and begins to read that of a bank that is added. Make it with
// NewReaders. It shows the figures of its consumers to Prometheus.
type Readers struct {
	config ReadersConfig

	mutex   sync.Mutex
	running map[string]*reader
}

// reader reads the topic of one bank.
type reader struct {
	consumer *consumer.Consumer
	stop     context.CancelFunc
}

// NewReaders returns Readers, which work while Run does.
func NewReaders(config ReadersConfig) *Readers {
	return &Readers{config: config, running: map[string]*reader{}}
}

// checkEvery is how often Run looks which banks take part.
const checkEvery = time.Second

// Run reads until ctx ends.
func (r *Readers) Run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		r.adjust(ctx, &working)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// adjust begins to read the topics of banks that are new, and stops at those of banks that take part no more.
func (r *Readers) adjust(ctx context.Context, working *sync.WaitGroup) {
	known := r.config.Intake.Banks.Current()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for code, reading := range r.running {
		if _, takesPart := known.Bank(code); !takesPart {
			reading.stop()
			delete(r.running, code)
		}
	}
	for _, code := range known.Codes() {
		if r.running[code] == nil {
			r.begin(ctx, code, working)
		}
	}
}

func (r *Readers) begin(ctx context.Context, code string, working *sync.WaitGroup) {
	letters, err := consumer.NewLetters(consumer.LettersConfig{Brokers: r.config.Brokers, Reader: Reader(code), BrokerAuth: r.config.BrokerAuth})
	if err != nil {
		r.config.Logger.Error("dead letters of a bank cannot be written, so its topic is not read", "bank", code, "error", err)
		return
	}
	handling := r.config.Intake
	handling.Logger = r.config.Logger
	reads, err := consumer.New(consumer.Config{
		Brokers: r.config.Brokers, Topic: command.PixFromBank(code), Group: Reader(code), BrokerAuth: r.config.BrokerAuth,
		Handler: New(handling, code), Offsets: r.config.Offsets, DeadLetters: consumer.WithPoint(letters, func() { r.config.Failpoint.At(failpoints.PixLettersPublished) }),
		Logger: r.config.Logger,
	})
	if err != nil {
		letters.Close()
		r.config.Logger.Error("the topic of a bank cannot be read", "bank", code, "error", err)
		return
	}
	ctx, stop := context.WithCancel(ctx)
	r.running[code] = &reader{consumer: reads, stop: stop}
	working.Go(func() {
		defer letters.Close()
		reads.Run(ctx)
	})
}

var _ prometheus.Collector = (*Readers)(nil)

// Describe implements prometheus.Collector. It names nothing, because the banks may change.
func (r *Readers) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (r *Readers) Collect(out chan<- prometheus.Metric) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, reading := range r.running {
		reading.consumer.Collect(out)
	}
}
