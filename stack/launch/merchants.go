package launch

import (
	"context"
	"crypto/rand"
	"strings"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/grpc"
)

// Secret is an API secret of a merchant.
type Secret struct {
	// Merchant is the slug of the merchant, Mode is "test" or "live", and Text is the secret itself.
	Merchant, Mode, Text string
}

// secretModes are the modes of secrets, by their names.
var secretModes = map[string]checkoutv1.SecretMode{
	"test": checkoutv1.SecretMode_SECRET_MODE_TEST, "live": checkoutv1.SecretMode_SECRET_MODE_LIVE,
}

// FirstSecrets makes the first API secret of each merchant and mode, and returns those that it has made. Nobody can
// show a secret again, so a stack that has them already gets none.
func (s *Stack) FirstSecrets(ctx context.Context) (made []Secret, err error) {
	err = s.merchants(func(client checkoutv1.MerchantServiceClient) error {
		listed, err := client.ListMerchants(ctx, &checkoutv1.ListMerchantsRequest{})
		if err != nil {
			return err
		}
		for _, merchant := range listed.GetMerchants() {
			for _, mode := range []string{"test", "live"} {
				answer, err := client.CreateSecret(ctx, &checkoutv1.CreateSecretRequest{
					RequestId: "first-" + mode + "-" + slugOf(merchant), Parent: merchant.GetName(), Mode: secretModes[mode],
				})
				if err != nil {
					return err
				}
				if answer.GetText() != "" {
					made = append(made, Secret{slugOf(merchant), mode, answer.GetText()})
				}
			}
		}
		return nil
	})
	return made, err
}

// NewMerchant makes a merchant of this name with a slug of its own, and an API secret for each mode.
func (s *Stack) NewMerchant(ctx context.Context, name string) (test, live Secret, err error) {
	err = s.merchants(func(client checkoutv1.MerchantServiceClient) error {
		made, err := client.CreateMerchant(ctx, &checkoutv1.CreateMerchantRequest{
			RequestId: rand.Text(), Slug: strings.ToLower("m-" + rand.Text()), DisplayName: name,
		})
		if err != nil {
			return err
		}
		for mode, to := range map[string]*Secret{"test": &test, "live": &live} {
			answer, err := client.CreateSecret(ctx, &checkoutv1.CreateSecretRequest{
				RequestId: rand.Text(), Parent: made.GetMerchant().GetName(), Mode: secretModes[mode],
			})
			if err != nil {
				return err
			}
			*to = Secret{slugOf(made.GetMerchant()), mode, answer.GetText()}
		}
		return nil
	})
	return test, live, err
}

// PayTo has a teller, an operator of the bank, open a wallet in reais to which the merchant is paid out from now on. It
// returns the account.
func (s *Stack) PayTo(ctx context.Context, merchant, teller string) (account string, err error) {
	connection, err := s.Dial(Bank, s.addresses.BankGRPC(), teller, grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		return "", err
	}
	defer connection.Close()
	opened, err := bankv1.NewWalletServiceClient(connection).OpenAccount(ctx, &bankv1.OpenAccountRequest{RequestId: rand.Text(), Currency: "BRL"})
	if err != nil {
		return "", err
	}
	account = opened.GetAccount().GetName()
	return account, s.merchants(func(client checkoutv1.MerchantServiceClient) error {
		_, err := client.UpdateMerchant(ctx, &checkoutv1.UpdateMerchantRequest{RequestId: rand.Text(), Name: "merchants/" + merchant, SettlementAccount: &account})
		return err
	})
}

// merchants calls checkout as an operator.
func (s *Stack) merchants(call func(checkoutv1.MerchantServiceClient) error) error {
	connection, err := s.Dial(Checkout, s.addresses.CheckoutGRPC(), Operator, grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		return err
	}
	defer connection.Close()
	return call(checkoutv1.NewMerchantServiceClient(connection))
}

func slugOf(merchant *checkoutv1.Merchant) string {
	return strings.TrimPrefix(merchant.GetName(), "merchants/")
}
