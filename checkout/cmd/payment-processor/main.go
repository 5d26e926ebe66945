// Command payment-processor decides what merchants charge through the payment gateway. It reads charges from their
// topic and publishes the answers on another: in live mode those of the bank, and in test mode those of a simulated
// acquirer. It starts without the bank. It serves HTTP for probes and
// figures only. It keeps nothing but how far it has read, so any number of replicas share the work.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"time"

	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/bankrpc"
	"codebank.dev/checkout/payment/failpoints"
	payments "codebank.dev/checkout/payment/postgres"
	"codebank.dev/checkout/payment/processor"
	"codebank.dev/checkout/payment/settings"
	"codebank.dev/checkout/postgres"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/serve"
)

// name is the program's, in its certificate too.
const name = "payment-processor"

func main() { serve.Main(name, run) }

// config has all settings of the program. `payment-processor --help` prints it.
type config struct {
	server serve.Settings
	pipe   settings.Settings

	bankAddress string
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stdout)
	var c config
	c.server.Bind(flags, "", "127.0.0.1:17015")
	c.server.BindTLS(flags, "operator")
	c.pipe.Bind(flags)
	flags.StringVar(&c.bankAddress, "bank-address", "127.0.0.1:17000", "`host:port` of the bank's gRPC; it may be away. This program must be one of its --acquirers")
	if err := serve.Parse(flags, "PAYMENT_PROCESSOR", args, environ); err != nil {
		return nil, err
	}
	if c.bankAddress == "" {
		return nil, errors.New("--bank-address is required")
	}
	return &c, c.pipe.Open()
}

// run serves until ctx ends.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	config, err := parse(args, environ, stdout)
	if err != nil {
		return err
	}
	logger, err := config.server.Logger(os.Stderr)
	if err != nil {
		return err
	}
	walls, err := config.server.Walls(logger)
	if err != nil {
		return err
	}
	defer walls.Close()
	pipe := &config.pipe
	cards, err := payments.OpenKeys(ctx, payments.Config{URL: pipe.DatabaseURL, MaxConnections: pipe.MaxConnections, Failpoint: pipe.Failpoint})
	if err != nil {
		return err
	}
	defer cards.Close()
	publisher, err := pipe.Publisher(name, logger)
	if err != nil {
		return err
	}
	defer publisher.Close()
	letters, err := consumer.NewLetters(consumer.LettersConfig{Brokers: pipe.Brokers, Reader: processor.Reader, BrokerAuth: pipe.BrokerAuth})
	if err != nil {
		return err
	}
	defer letters.Close()
	bank, err := walls.Dial(config.bankAddress, "bank")
	if err != nil {
		return err
	}
	defer bank.Close()
	acquirer := bankrpc.New(bank)
	defer acquirer.Close()
	handler := processor.New(processor.Config{
		Cards: cards, Acquirer: acquirer, Payer: acquirer, Publisher: publisher, Keys: pipe.Keys, Now: time.Now, Logger: logger, Failpoint: pipe.Failpoint,
	})
	charges, err := consumer.New(consumer.Config{
		Brokers: pipe.Brokers, Topic: accept.Topic, Group: processor.Reader, BrokerAuth: pipe.BrokerAuth,
		Handler: handler, Offsets: cards.Offsets(), DeadLetters: consumer.WithPoint(letters, func() { pipe.Failpoint.At(failpoints.ChargeLettersPublished) }), Logger: logger,
	})
	if err != nil {
		return err
	}
	serving := config.server.Config(name, logger)
	serving.Walls, serving.Checks = walls, []serve.Check{{Name: "database", Run: cards.Ready}}
	server, err := serve.Listen(serving)
	if err != nil {
		return err
	}
	defer server.Close()
	server.Metrics().MustRegister(&collector{handler: handler}, charges)
	server.Prepare(func(ctx context.Context) error { return cards.Prepare(ctx, logger, postgres.Schema()) })
	server.Background(charges.Run)
	return server.Run(ctx)
}
