package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
)

// linkSettings are the flags of customers link.
type linkSettings struct {
	bank, statement string
}

func newCustomers(app *application) *cobra.Command {
	return group("customers", "Which user a customer belongs to, and who he is", newCustomersLink(app), newCustomersHolder(app))
}

func newCustomersLink(app *application) *cobra.Command {
	var s linkSettings
	command := &cobra.Command{
		Use:   "link CUSTOMER USER",
		Short: "Make a user the owner of a customer, in the bank and in the statement",
		Long: `Tie a customer, customers/UUID, to a user, users/UUID, who then sees and moves what
belongs to the customer. A customer that nobody has linked belongs to the user with
the same UUID. The bank keeps the link first, then the statement. A command that was
cut off is finished by doing it again. It fails if the customer is linked to another
user, and changes nothing then. Replicas of the bank obey a link within five seconds.`,
		Args: cobra.ExactArgs(2),
		RunE: work(func(ctx context.Context, args []string) error { return app.linkCustomer(ctx, &s, args[0], args[1]) }),
	}
	flags := command.Flags()
	flags.StringVar(&s.bank, "bank-address", "127.0.0.1:17000", "`host:port` of the bank's gRPC")
	flags.StringVar(&s.statement, "statement-address", "127.0.0.1:17002", "`host:port` of the statement's gRPC; empty: the bank alone")
	return command
}

// dial returns a connection to a program, which the caller closes.
func (a *application) dial(address, program string) (*grpc.ClientConn, error) {
	files, err := a.files()
	if err != nil {
		return nil, err
	}
	if files == nil {
		return serve.Dial(address)
	}
	return serve.Dial(address, serve.WithGRPC(grpc.WithTransportCredentials(files.Client(program))))
}

func (a *application) linkCustomer(ctx context.Context, s *linkSettings, customer, user string) error {
	limited, cancel := a.limited(ctx)
	defer cancel()
	conn, err := a.dial(s.bank, "bank")
	if err != nil {
		return misused("bank-address", err)
	}
	defer conn.Close()
	linked, err := bankv1.NewCustomerServiceClient(conn).LinkCustomer(limited, &bankv1.LinkCustomerRequest{Customer: customer, User: user})
	if err != nil {
		return fmt.Errorf("customers link: bank: %w", a.unencrypted(err))
	}
	if s.statement != "" {
		conn, err := a.dial(s.statement, "statement")
		if err != nil {
			return misused("statement-address", err)
		}
		defer conn.Close()
		if _, err := statementv1.NewStatementServiceClient(conn).LinkCustomer(limited, &statementv1.LinkCustomerRequest{Customer: customer, User: user}); err != nil {
			return fmt.Errorf("customers link: the bank has the link, the statement has not; do it again: %w", a.unencrypted(err))
		}
	}
	if a.printer().JSON() {
		return a.printer().Object(map[string]string{"kind": "customer", "name": customer, "user": user, "linked_by": linked.GetCustomer().GetLinkedBy()})
	}
	return a.printer().Text(customer + " belongs to " + user + "\n")
}
