package demo

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
)

// What goes from bank to bank, in minor units.
const (
	pixAmount, pixRefused, pixReturned = 4_500, 3_000, 1_500
)

// The CPFs of the customers, who have no others.
const anasCPF, clarasCPF, davisCPF = "24681357928", "86420975310", "13579246828"

// pixTown is what the payments between banks need: a customer here, and one at the other bank, who has closed one of
// two accounts.
type pixTown struct {
	*demonstration
	began time.Time
	// here and there are the services of the banks, for the customers.
	here, there bankv1.PixServiceClient
	// second is a connection on which the operator of the other bank calls.
	second *grpc.ClientConn
	clara  *owner
	// key is Clara's, and gone the key of an account that is closed.
	key, gone string
}

// payBetweenBanks shows payments to keys of another bank: one is completed and given back in part, one is rejected.
func (d *demonstration) payBetweenBanks(ctx context.Context) error {
	town := &pixTown{demonstration: d, began: time.Now()}
	for _, step := range []func(context.Context) error{
		town.settle, town.lookUp, town.pay, town.payClosed, town.showLines, town.showPanels,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return d.err
}

// settle makes the customers of the other bank and the keys.
func (d *pixTown) settle(ctx context.Context) (err error) {
	other := launch.SecondBank()
	address := d.stack.Addresses().Of(other).BankGRPC
	if d.second, err = d.dial(launch.Bank, address, other.As(launch.Operator)); err != nil {
		return err
	}
	people, err := d.dial(launch.Bank, address, "")
	if err != nil {
		return err
	}
	ours, err := d.dial(launch.Bank, d.stack.Addresses().BankGRPC(), "")
	if err != nil {
		return err
	}
	d.here, d.there = bankv1.NewPixServiceClient(ours), bankv1.NewPixServiceClient(people)
	person, err := d.stack.SignUp(ctx, "clara@example.com")
	if err != nil {
		return err
	}
	d.clara = &owner{name: "Clara Nogueira", person: person}
	if d.clara.account, err = d.openThere(ctx, "demo-clara", person.User.String()); err != nil {
		return err
	}
	closed, err := d.openThere(ctx, "demo-davi", "")
	if err != nil {
		return err
	}
	if err := d.registerHolders(ctx, closed); err != nil {
		return err
	}
	return d.makeKeys(ctx, closed)
}

// openThere opens an empty wallet at the other bank, of a new customer unless there is one.
func (d *pixTown) openThere(ctx context.Context, requestID, customer string) (account string, err error) {
	opened, err := bankv1.NewWalletServiceClient(d.second).OpenAccount(ctx, &bankv1.OpenAccountRequest{
		RequestId: requestID, CustomerId: customer, Currency: "BRL",
	})
	return opened.GetAccount().GetName(), err
}

// registerHolders lets the operators say who the customers are.
func (d *pixTown) registerHolders(ctx context.Context, closed string) error {
	for _, of := range []struct {
		bank                    *grpc.ClientConn
		account, name, document string
	}{{d.operator, d.ana.account, d.ana.name, anasCPF}, {d.second, d.clara.account, d.clara.name, clarasCPF}, {d.second, closed, "Davi Prates", davisCPF}} {
		read, err := bankv1.NewWalletServiceClient(of.bank).GetBalance(ctx, &bankv1.GetBalanceRequest{Name: of.account})
		if err != nil {
			return err
		}
		_, err = bankv1.NewPixServiceClient(of.bank).RegisterHolder(ctx, &bankv1.RegisterHolderRequest{
			Customer: "customers/" + read.GetAccount().GetCustomerId(), FullName: of.name, Document: of.document,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", of.name, err)
		}
	}
	return nil
}

// makeKeys registers a key of each account, and closes one of them.
func (d *pixTown) makeKeys(ctx context.Context, closed string) error {
	own, err := d.here.CreateKey(d.ana.person.Context(ctx), &bankv1.CreateKeyRequest{
		RequestId: "demo-key", Account: d.ana.account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_CPF, Key: anasCPF,
	})
	if err != nil {
		return err
	}
	made, err := d.there.CreateKey(d.clara.person.Context(ctx), &bankv1.CreateKeyRequest{
		RequestId: "demo-key", Account: d.clara.account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM,
	})
	if err != nil {
		return err
	}
	gone, err := bankv1.NewPixServiceClient(d.second).CreateKey(ctx, &bankv1.CreateKeyRequest{
		RequestId: "demo-key-closed", Account: closed, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM,
	})
	if err != nil {
		return err
	}
	_, err = bankv1.NewWalletServiceClient(d.second).CloseAccount(ctx, &bankv1.CloseAccountRequest{RequestId: "demo-close", Name: closed})
	if err != nil {
		return err
	}
	d.key, d.gone = made.GetKey().GetKey(), gone.GetKey().GetKey()
	d.printf("  %s of %s has the key %s, her CPF\n", d.ana.name, launch.FirstBank().Name, own.GetKey().GetKey())
	d.printf("  %s of %s has the key %s\n", d.clara.name, launch.SecondBank().Name, d.key)
	return nil
}

// lookUp shows whom a key belongs to, as a payer sees it before he pays.
func (d *pixTown) lookUp(ctx context.Context) error {
	found, err := d.here.LookUpKey(d.ana.person.Context(ctx), &bankv1.LookUpKeyRequest{Account: d.ana.account, Key: d.key})
	if err != nil {
		return err
	}
	d.printf("  %s asks whose this key is: %s, %s, %s\n", d.ana.name, found.GetHolderName(), found.GetHolderDocument(), found.GetBankName())
	return nil
}

// pay sends a payment, and lets the receiver give a part of it back.
func (d *pixTown) pay(ctx context.Context) error {
	sent, took, err := d.send(ctx, "demo-pix", d.key, pixAmount)
	if err != nil {
		return err
	}
	if sent.GetState() != bankv1.PixState_PIX_STATE_COMPLETED {
		return fmt.Errorf("the payment %s is %s, and not completed", sent.GetName(), sent.GetState())
	}
	d.printf("  %s sends her %s: completed after %d ms\n", d.ana.name, formatReais(sent.GetAmountMinor()), took.Milliseconds())
	back, err := d.there.ReturnPix(d.clara.person.Context(ctx), &bankv1.ReturnPixRequest{
		RequestId: "demo-pix-return", Name: sent.GetName(), AmountMinor: pixReturned, Description: "Too much",
	})
	if err != nil {
		return err
	}
	began := time.Now()
	err = awaitEnd(ctx, func() (bool, error) {
		read, err := d.here.GetPix(d.ana.person.Context(ctx), &bankv1.GetPixRequest{Name: sent.GetName()})
		sent = read.GetPix()
		return sent.GetReturnedMinor() == pixReturned, err
	})
	if err != nil {
		return err
	}
	d.printf("  %s gives %s back: it came back after %d ms, %s of %s are returned\n", d.clara.name, formatReais(back.GetPix().GetAmountMinor()),
		time.Since(began).Milliseconds(), formatReais(sent.GetReturnedMinor()), formatReais(sent.GetAmountMinor()))
	return d.err
}

// payClosed sends a payment to an account that is closed. The money is back after its rejection.
func (d *pixTown) payClosed(ctx context.Context) error {
	before, err := d.balance(ctx)
	if err != nil {
		return err
	}
	sent, took, err := d.send(ctx, "demo-pix-closed", d.gone, pixRefused)
	if err != nil {
		return err
	}
	after, err := d.balance(ctx)
	if err != nil {
		return err
	}
	if sent.GetState() != bankv1.PixState_PIX_STATE_REJECTED || after.GetAvailableMinor() != before.GetAvailableMinor() {
		return fmt.Errorf("the payment %s to a closed account is %s, and %d are available after %d", sent.GetName(), sent.GetState(),
			after.GetAvailableMinor(), before.GetAvailableMinor())
	}
	d.printf("  %s sends %s to an account that was closed: rejected after %d ms, %s\n", d.ana.name, formatReais(sent.GetAmountMinor()),
		took.Milliseconds(), sent.GetReason())
	d.printf("  the money is back: she has %s available, as before\n", formatReais(after.GetAvailableMinor()))
	return d.err
}

// send sends a payment to a key, and waits until it has an end.
func (d *pixTown) send(ctx context.Context, requestID, key string, amount int64) (sent *bankv1.Pix, took time.Duration, err error) {
	as := d.ana.person.Context(ctx)
	began := time.Now()
	answer, err := d.here.SendPix(as, &bankv1.SendPixRequest{
		RequestId: requestID, Account: d.ana.account, AmountMinor: amount, Currency: "BRL", Description: "Concert tickets",
		Destination: &bankv1.SendPixRequest_Key{Key: key},
	})
	if err != nil {
		return nil, 0, err
	}
	sent = answer.GetPix()
	err = awaitEnd(ctx, func() (bool, error) {
		read, err := d.here.GetPix(as, &bankv1.GetPixRequest{Name: answer.GetPix().GetName()})
		sent = read.GetPix()
		return sent.GetState() != bankv1.PixState_PIX_STATE_PENDING, err
	})
	return sent, time.Since(began), err
}

func (d *pixTown) balance(ctx context.Context) (*bankv1.Account, error) {
	read, err := d.cash.GetBalance(ctx, &bankv1.GetBalanceRequest{Name: d.ana.account})
	return read.GetAccount(), err
}

// pixLines is what lines of payments between banks are called.
var pixLines = map[statementv1.LineKind]string{
	statementv1.LineKind_LINE_KIND_PIX_OUT: "Pix sent", statementv1.LineKind_LINE_KIND_PIX_IN: "Pix received", statementv1.LineKind_LINE_KIND_PIX_RETURN: "Pix returned",
}

// showLines reads the lines of the payment on both statements.
func (d *pixTown) showLines(ctx context.Context) error {
	other := launch.SecondBank()
	conn, err := d.dial(launch.Statement, d.stack.Addresses().Of(other).StatementGRPC, other.As(launch.Operator))
	if err != nil {
		return err
	}
	for _, of := range []struct {
		bank       launch.Institution
		who        *owner
		statements statementv1.StatementServiceClient
	}{{launch.FirstBank(), d.ana, d.statements}, {other, d.clara, statementv1.NewStatementServiceClient(conn)}} {
		var lines []*statementv1.Line
		err := awaitEnd(ctx, func() (bool, error) {
			lines = nil
			page, err := of.statements.ListLines(ctx, &statementv1.ListLinesRequest{Parent: of.who.account, PageSize: linesShown})
			if status.Code(err) == codes.NotFound { // The statement has not heard of the account yet.
				return false, nil
			}
			for _, line := range page.GetLines() {
				if pixLines[line.GetKind()] != "" {
					lines = append(lines, line)
				}
			}
			return len(lines) == 2, err
		})
		if err != nil {
			return fmt.Errorf("the statement of %s: %w", of.who.name, err)
		}
		d.printf("  on the statement of %s, %s:\n", of.who.name, of.bank.Name)
		for _, line := range lines {
			amount := line.GetAmountMinor()
			if line.GetDirection() == statementv1.LineDirection_LINE_DIRECTION_DEBIT {
				amount = -amount
			}
			d.printf("    %s  %s bank %s %14s %16s\n", line.GetOccurTime().AsTime().Format("15:04:05"), pad(pixLines[line.GetKind()], 13),
				line.GetCounterpartyBankCode(), formatReais(amount), formatReais(line.GetBalanceAfterMinor()))
		}
	}
	return d.err
}
