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

// Metrics is what Prometheus reads.
type Metrics struct {
	registry     *prometheus.Registry
	connections  prometheus.Gauge
	waiting      prometheus.Gauge
	up           prometheus.Gauge
	logins       *prometheus.CounterVec
	loginSeconds prometheus.Observer
	again        prometheus.Counter
	good, bad    prometheus.Counter
}

func newMetrics() *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "postgresql_gateway_" + name, Help: help})
	}
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "postgresql_gateway_login_seconds", Help: "Time until a login found a PostgreSQL that takes writes.",
		Buckets: []float64{.005, .01, .025, .1, .5, 1, 5, 10, 20, 60, 120},
	})
	again := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "postgresql_gateway_statements_sent_again_total",
		Help: "Statements that the pooler refused without passing them on, and that were sent once more.",
	})
	statements := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "postgresql_gateway_statements_total",
		Help: "Statements of clients, by outcome (ok, error): an error where one was the answer, or none came.",
	}, []string{"outcome"})
	metrics := &Metrics{
		registry:    prometheus.NewRegistry(),
		connections: gauge("connections", "Clients that are connected."),
		waiting:     gauge("waiting", "Logins under way, each of which waits for a PostgreSQL that takes writes."),
		up:          gauge("up", "1 while the last login found a PostgreSQL that takes writes."),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postgresql_gateway_logins_total", Help: "Tries of a login, by outcome (ok, failed).",
		}, []string{"outcome"}),
		loginSeconds: seconds,
		again:        again,
		good:         statements.WithLabelValues("ok"),
		bad:          statements.WithLabelValues("error"),
	}
	metrics.registry.MustRegister(metrics.connections, metrics.waiting, metrics.up, metrics.logins, seconds, again, statements,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, outcome := range []string{"ok", "failed"} {
		metrics.logins.WithLabelValues(outcome)
	}
	return metrics
}

// answered counts a statement once its client has the whole answer, or knows that there is none.
func (m *Metrics) answered(failed bool) {
	if failed {
		m.bad.Inc()
	} else {
		m.good.Inc()
	}
}

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
