package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/backlog"
	"codebank.dev/operations/kafkaconnect"
)

// A sink that waits for a schema runs, for Kafka Connect, and yet it is not well.
func TestASinkThatWaitsDoesNotRunWhole(t *testing.T) {
	running := kafkaconnect.State{State: kafkaconnect.Running, WorkerID: "worker"}
	sink := sinkStatus{
		Status:  kafkaconnect.Status{Name: "sink", Connector: running, Tasks: []kafkaconnect.Task{{State: running}}},
		Backlog: &backlog.Backlog{Records: 3, Since: time.Now().Add(-time.Hour), Waits: "the registry has no schema 9"},
	}
	require.False(t, sink.whole())
	require.Equal(t, []string{"sink", "", "RUNNING", "worker", "3 records, 1h0m0s", "waits: the registry has no schema 9"}, statusRows(sink)[0])

	sink.Backlog = &backlog.Backlog{Records: 3}
	require.True(t, sink.whole())
	require.Equal(t, "3 records", statusRows(sink)[0][4])
	sink.Backlog = nil
	require.True(t, sink.whole(), "brokers that are away say nothing about the sink")
	sink.Tasks[0].State.State = kafkaconnect.Failed
	require.False(t, sink.whole())
}
