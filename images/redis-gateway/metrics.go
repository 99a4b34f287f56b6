package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const refused = "REFUSED"

// Metrics is what Prometheus reads. No label comes from a client's words: a command that is not carried counts as
// "REFUSED".
type Metrics struct {
	registry    *prometheus.Registry
	connections prometheus.Gauge
	retries     *prometheus.CounterVec
	answers     map[string]counted
	good, bad   prometheus.Counter
}

// counted are the series of one command.
type counted struct {
	good, bad prometheus.Counter
	seconds   prometheus.Observer
}

func newMetrics(cluster *Cluster) *Metrics {
	registry := prometheus.NewRegistry()
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "redis_gateway_commands_total", Help: "Commands answered, by command and outcome (ok, error).",
	}, []string{"command", "outcome"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "redis_gateway_command_seconds", Help: "Time from reading a command to having its answer.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .05, .25, 1, 5, 10, 20},
	}, []string{"command"})
	// One series each, however many commands there are: what an alert asks for.
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "redis_gateway_answers_total", Help: "Answers to commands that are carried, by outcome (ok, error).",
	}, []string{"outcome"})
	metrics := &Metrics{
		registry: registry,
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "redis_gateway_connections", Help: "Clients that are connected.",
		}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redis_gateway_retries_total", Help: "Tries of commands that the cluster was not ready for, by reason.",
		}, []string{"reason"}),
		answers: map[string]counted{},
		good:    outcomes.WithLabelValues("ok"),
		bad:     outcomes.WithLabelValues("error"),
	}
	ok := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "redis_gateway_cluster_ok", Help: "1 while every slot has a master that answers.",
	}, func() float64 {
		if cluster.Trouble() == "" {
			return 1
		}
		return 0
	})
	registry.MustRegister(total, outcomes, seconds, metrics.connections, metrics.retries, ok,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for name := range commands {
		metrics.answers[name] = counted{total.WithLabelValues(name, "ok"), total.WithLabelValues(name, "error"), seconds.WithLabelValues(name)}
	}
	metrics.answers[refused] = counted{total.WithLabelValues(refused, "ok"), total.WithLabelValues(refused, "error"), seconds.WithLabelValues(refused)}
	return metrics
}

// answered counts an answer that took so long from reading the command to having its answer.
func (m *Metrics) answered(name string, failed bool, passed time.Duration) {
	series, known := m.answers[name]
	if !known {
		series = m.answers[refused]
	}
	series.seconds.Observe(passed.Seconds())
	each, all := series.good, m.good
	if failed {
		each, all = series.bad, m.bad
	}
	each.Inc()
	if known {
		all.Inc()
	}
}

func (m *Metrics) retried(reason string) { m.retries.WithLabelValues(reason).Inc() }

// listen serves /metrics in the background.
func (m *Metrics) listen(port int) error {
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return nil
}
