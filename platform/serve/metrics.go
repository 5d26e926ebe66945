package serve

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// registerer is what metrics need of a registry.
type registerer = prometheus.Registerer

// newRegistry returns a registry with the metrics of the process itself.
func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return registry
}

// durationBuckets are in seconds. A decision takes a few milliseconds. Calls of more than
// ten seconds are not told apart.
func durationBuckets() []float64 { // tidy:float seconds of a histogram, not money
	return []float64{ // tidy:float seconds of a histogram, not money
		.0005, .001, .002, .004, .008, .016, .032, .064, .128, .25, .5, 1, 2.5, 5, 10,
	}
}

// callMetrics are rate, errors and duration of gRPC calls. After the prefix they have the
// names of the usual gRPC metrics.
type callMetrics struct {
	handled *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	panics  prometheus.Counter
}

func newCallMetrics(registry registerer) *callMetrics {
	m := &callMetrics{
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "codebank_grpc_server_handled_total", Help: "gRPC calls that were answered, by method and code.",
		}, []string{"grpc_service", "grpc_method", "grpc_code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "codebank_grpc_server_handling_seconds", Help: "Duration of gRPC calls, by method.", Buckets: durationBuckets(),
		}, []string{"grpc_service", "grpc_method"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "codebank_panics_total", Help: "Panics in handlers. Each was answered with INTERNAL.",
		}),
	}
	registry.MustRegister(m.handled, m.seconds, m.panics)
	return m
}

// begin shows the figures of every method and code from the start: an alarm on a rate
// does not see a series whose first value is 1. Services of gRPC itself are left out until
// they are called.
func (m *callMetrics) begin(services map[string]grpc.ServiceInfo) {
	for service, info := range services {
		if strings.HasPrefix(service, "grpc.") {
			continue
		}
		for _, method := range info.Methods {
			m.seconds.WithLabelValues(service, method.Name)
			for code := codes.OK; code <= codes.Unauthenticated; code++ {
				m.handled.WithLabelValues(service, method.Name, code.String())
			}
		}
	}
}

// observe counts one call. It is called for registered methods only, so the number of
// labels is bounded.
func (m *callMetrics) observe(fullMethod string, code codes.Code, elapsed time.Duration) {
	service, method, _ := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	m.handled.WithLabelValues(service, method, code.String()).Inc()
	m.seconds.WithLabelValues(service, method).Observe(elapsed.Seconds())
}

// requestMetrics are rate, errors and duration of HTTP requests, by the pattern that
// matched and not by path, so that the number of labels is bounded.
type requestMetrics struct {
	handled *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newRequestMetrics(registry registerer) *requestMetrics {
	m := &requestMetrics{
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "codebank_http_server_requests_total", Help: "HTTP requests that were answered, by pattern, method and status.",
		}, []string{"pattern", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "codebank_http_server_request_seconds", Help: "Duration of HTTP requests, by pattern.", Buckets: durationBuckets(),
		}, []string{"pattern"}),
	}
	registry.MustRegister(m.handled, m.seconds)
	return m
}

func (m *requestMetrics) observe(r *http.Request, httpStatus int, elapsed time.Duration) {
	method := r.Method
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	m.handled.WithLabelValues(r.Pattern, method, strconv.Itoa(httpStatus)).Inc()
	m.seconds.WithLabelValues(r.Pattern).Observe(elapsed.Seconds())
}
