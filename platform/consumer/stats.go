package consumer

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats are the figures of a consumer.
type Stats struct {
	// Records and Letters count what was dealt with; Letters are among the Records. Retries counts steps that
	// failed and were tried again, FetchErrors fetches.
	Records, Letters, Retries, FetchErrors int64
	// Partitions is how many this process reads now.
	Partitions int
	// Lag is how many records of these partitions are not dealt with.
	Lag int64
	// Waiting is for how long the partition that fails longest has failed; 0 when none does.
	Waiting time.Duration
}

// counters are the figures as they are counted.
type counters struct {
	records, letters, retries, fetchErrors atomic.Int64

	mutex      sync.Mutex
	partitions map[*partition]struct{}
}

func (c *counters) add(p *partition) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.partitions == nil {
		c.partitions = make(map[*partition]struct{})
	}
	c.partitions[p] = struct{}{}
}

func (c *counters) remove(p *partition) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.partitions, p)
}

// Stats returns the present figures.
func (c *Consumer) Stats() Stats {
	counted := &c.stats
	stats := Stats{
		Records: counted.records.Load(), Letters: counted.letters.Load(),
		Retries: counted.retries.Load(), FetchErrors: counted.fetchErrors.Load(),
	}
	now := time.Now().UnixMilli()
	counted.mutex.Lock()
	defer counted.mutex.Unlock()
	stats.Partitions = len(counted.partitions)
	for p := range counted.partitions {
		stats.Lag += max(0, p.end.Load()-p.next.Load())
		if since := p.failingSince.Load(); since > 0 {
			stats.Waiting = max(stats.Waiting, time.Duration(now-since)*time.Millisecond)
		}
	}
	return stats
}

var _ prometheus.Collector = (*Consumer)(nil)

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("codebank_consumer_"+name, help, []string{"topic"}, nil)
}

var (
	recordsTotal     = describe("records_total", "Records that were dealt with, dead letters among them.")
	lettersTotal     = describe("dead_letters_total", "Records that nobody could deal with and that were put into the dead-letter topic.")
	retriesTotal     = describe("retries_total", "Steps of a batch that failed and were tried again.")
	fetchErrorsTotal = describe("fetch_errors_total", "Fetches that failed and were tried again.")
	partitionsNow    = describe("partitions", "Partitions that this process reads now.")
	lagRecords       = describe("lag_records", "Records of these partitions that are not dealt with.")
	waitingSeconds   = describe("waiting_seconds", "For how long the partition that fails longest has failed; 0 when none does.")
)

// Describe implements prometheus.Collector. It names nothing: a program may have consumers of several topics, whose
// figures differ by the label only, and a registry takes named ones once.
func (c *Consumer) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *Consumer) Collect(out chan<- prometheus.Metric) {
	stats := c.Stats()
	show := func(desc *prometheus.Desc, kind prometheus.ValueType, n int64) {
		out <- prometheus.MustNewConstMetric(desc, kind, float64(n), c.config.Topic) // tidy:float the metrics library counts in floats
	}
	show(recordsTotal, prometheus.CounterValue, stats.Records)
	show(lettersTotal, prometheus.CounterValue, stats.Letters)
	show(retriesTotal, prometheus.CounterValue, stats.Retries)
	show(fetchErrorsTotal, prometheus.CounterValue, stats.FetchErrors)
	show(partitionsNow, prometheus.GaugeValue, int64(stats.Partitions))
	show(lagRecords, prometheus.GaugeValue, stats.Lag)
	show(waitingSeconds, prometheus.GaugeValue, int64(stats.Waiting/time.Second))
}
