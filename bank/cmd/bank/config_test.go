package main

import (
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/platform/certtest"
	"codebank.dev/schemas/event"
)

func TestTheEventVersionMustExist(t *testing.T) {
	required := []string{"--database-url=postgres://x", "--vault-key-file=k", "--relay=false"}
	config, err := parse(required, nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, event.NewestVersion, config.eventVersion, "a new system writes the newest")

	config, err = parse(required, []string{"BANK_EVENT_VERSION=1"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 1, config.eventVersion)

	for _, none := range []string{"0", "-1", strconv.Itoa(event.NewestVersion + 1)} {
		_, err = parse(append(required, "--event-version="+none), nil, io.Discard)
		require.ErrorContains(t, err, "--event-version: there are versions 1 to "+strconv.Itoa(event.NewestVersion))
	}
}

func TestOnlyABankWithHistoryAllowsTimesOfThePastAndThenPublishesNoWatermarkAndExpiresNoHold(t *testing.T) {
	args := []string{"--database-url=postgres://x", "--vault-key-file=k", "--relay=false"}
	present, err := parse(args, nil, io.Discard)
	require.NoError(t, err)
	require.Nil(t, present.requestHistory())
	require.Positive(t, present.watermarkInterval)
	require.True(t, present.expiresHolds())

	past, err := parse(append(args, "--history"), nil, io.Discard)
	require.NoError(t, err)
	require.NoError(t, past.requestHistory().Check(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)))
	require.Error(t, past.requestHistory().Check(time.Now().Add(time.Hour)))
	require.Zero(t, past.watermarkInterval)
	require.False(t, past.expiresHolds())
}

func TestTheAcquirersAreCallers(t *testing.T) {
	args := []string{"--database-url=postgres://x", "--vault-key-file=k", "--relay=false"}
	config, err := parse(args, nil, io.Discard)
	require.NoError(t, err)
	require.False(t, config.simulatedCash, "cash is an operator's")
	config, err = parse(append(args, "--simulated-cash"), nil, io.Discard)
	require.NoError(t, err)
	require.True(t, config.simulatedCash)
	require.Equal(t, []string{"checkout", "payment-processor"}, config.acquirers)
	_, err = parse(append(args, "--acquirers=a,b c"), nil, io.Discard)
	require.ErrorContains(t, err, "--acquirers")
}

func TestTheSettingsOfBrokersAndRegistryAreCheckedAtTheStart(t *testing.T) {
	args := []string{"--database-url=postgres://x", "--vault-key-file=k", "--kafka-brokers=kafka:9093", "--registry-url=https://registry"}
	authority := "--kafka-tls-authority=" + certtest.New(t).File
	for says, more := range map[string][]string{
		"": {authority, "--kafka-username=bank", "--kafka-password=hidden"},
		"a password goes over a network with TLS only": {"--kafka-username=bank", "--kafka-password=hidden"},
		"--kafka-username and --kafka-password belong": {authority, "--kafka-username=bank"},
		"--registry-url: the URL holds a name":         {"--registry-url=https://me:hidden@registry", "--registry-username=bank", "--registry-password=hidden"},
		"--registry-url: credentials go over":          {"--registry-url=http://registry", "--registry-username=bank", "--registry-password=hidden"},
		"--registry-tls-authority: open":               {"--registry-tls-authority=/nowhere"},
	} {
		_, err := parse(append(args, more...), nil, io.Discard)
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "hidden")
	}
}
