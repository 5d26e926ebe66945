package main

import (
	"context"
	"math"
	"time"

	"codebank.dev/statement/postgres"
	"github.com/prometheus/client_golang/prometheus"
)

// figuresTimeout bounds the question to the database.
const figuresTimeout = 2 * time.Second

var (
	filesPending = prometheus.NewDesc("codebank_statement_files_pending",
		"Files of all programs on the database that are not made yet; +Inf while the database cannot say.", nil, nil)
	oldestPending = prometheus.NewDesc("codebank_statement_file_oldest_pending_seconds",
		"For how long the file that was asked for first has not been made; 0 when all are, +Inf while the database cannot say.", nil, nil)
)

var watermarkAge = prometheus.NewDesc("codebank_statement_watermark_age_seconds",
	"How long ago the time is before which every event has arrived, as the watermarks and the sink's offsets say; +Inf while that is not known, as without brokers.", nil, nil)

// watermarkFigure is the metric of the watermarks. oldest returns the time up to which they reach, or the zero time.
type watermarkFigure struct {
	oldest func() time.Time
	now    func() time.Time
}

var _ prometheus.Collector = (*watermarkFigure)(nil)

// Describe implements prometheus.Collector.
func (w *watermarkFigure) Describe(out chan<- *prometheus.Desc) { out <- watermarkAge }

// Collect implements prometheus.Collector.
func (w *watermarkFigure) Collect(out chan<- prometheus.Metric) {
	age := math.Inf(1)
	if oldest := w.oldest(); !oldest.IsZero() {
		age = max(0, w.now().Sub(oldest).Seconds())
	}
	out <- prometheus.MustNewConstMetric(watermarkAge, prometheus.GaugeValue, age)
}

// fileFigures are the metrics of files. They ask the database, because files belong to no program.
type fileFigures struct{ store *postgres.Store }

var _ prometheus.Collector = (*fileFigures)(nil)

// Describe implements prometheus.Collector.
func (f *fileFigures) Describe(out chan<- *prometheus.Desc) {
	out <- filesPending
	out <- oldestPending
}

// Collect implements prometheus.Collector. A figure that is not known is an endless one, so that its alarm fires.
func (f *fileFigures) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), figuresTimeout)
	defer cancel()
	count, oldest, err := f.store.PendingFiles(ctx)
	figures := []float64{float64(count), oldest.Seconds()} // tidy:float the metrics library counts in floats
	if err != nil {
		figures = []float64{math.Inf(1), math.Inf(1)} // tidy:float the metrics library counts in floats
	}
	out <- prometheus.MustNewConstMetric(filesPending, prometheus.GaugeValue, figures[0])
	out <- prometheus.MustNewConstMetric(oldestPending, prometheus.GaugeValue, figures[1])
}
