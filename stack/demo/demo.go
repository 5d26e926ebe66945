// Package demo is what `stack demo` shows on a stack that has just started and
// is empty.
package demo

import (
	"context"
	"fmt"
	"io"

	"codebank.dev/stack/launch"
)

// Run plays the demonstration on a running stack and writes what it does to
// out. An error says what did not hold.
func Run(_ context.Context, stack *launch.Stack, out io.Writer) error {
	a := stack.Addresses()
	_, err := fmt.Fprintf(out, `
bank            grpc %s   http://%s
statement       grpc %s   http://%s
checkout        grpc %s   http://%s
kafka           %s
schema registry %s
kafka connect   %s
elasticsearch   %s
`, a.BankGRPC(), a.BankHTTP(), a.StatementGRPC(), a.StatementHTTP(), a.CheckoutGRPC(), a.CheckoutHTTP(),
		a.Kafka(), a.RegistryConfluent(), a.Connect(), a.Elasticsearch())
	return err
}
