package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"codebank.dev/checkout/client"
)

// A shop charges a card, and waits for the decision.
func Example() {
	gateway := httptest.NewServer(demonstration()) // yours is https://…
	defer gateway.Close()
	ctx := context.Background()
	merchant, err := client.New(client.Config{Address: gateway.URL, Secret: client.NewSecret("sk_test_…")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer merchant.Close()
	charge, err := merchant.CreateCharge(ctx, client.NewCharge{
		Key: "order-1041", AmountMinor: 1250, Currency: "BRL", Description: "2 × Café coado",
		Card: client.Card{Number: "4111111111111111", HolderName: "MARIA DA SILVA", Month: 12, Year: 2031, CVV: "123"},
	})
	var refusal *client.Error
	if errors.As(err, &refusal) {
		fmt.Println("the gateway refuses it:", refusal.Reason, refusal.Field)
		return
	} else if err != nil {
		fmt.Println("ask again under the same key:", err)
		return
	}
	fmt.Println(charge.Status)
	for event, err := range merchant.Events(ctx, 0) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if event.Charge.ID == charge.ID && event.Charge.Status != client.Pending {
			fmt.Println(event.Type, event.Charge.AmountMinor, event.Charge.Currency)
			return
		}
	}
	// Output:
	// pending
	// charge.approved 1250 BRL
}

// demonstration is a gateway that approves one charge.
func demonstration() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/charges", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"c1","status":"pending"}`)
	})
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "id: 1\ndata: {\"type\":\"charge.accepted\",\"sequence\":1,\"charge\":{\"id\":\"c1\",\"status\":\"pending\"}}\n\n",
			"id: 2\ndata: {\"type\":\"charge.approved\",\"sequence\":2,\"charge\":{\"id\":\"c1\",\"status\":\"approved\",\"amount_minor\":1250,\"currency\":\"BRL\"}}\n\n")
	})
	return mux
}
