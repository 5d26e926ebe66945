// Package command is what travels on the topics on which programs ask for something and do not wait: the
// commands to a bank with their results, requests for statements, merchants' charges with theirs and their events, and the
// steps of payments between banks. It has their Go types, their Avro bodies, and the MAC that says who made them. Events
// ask for nothing and have no MAC.
//
//	command.go  Command and Result of avro/commands and avro/command-results
//	request.go  StatementRequest of avro/statement-requests
//	charge.go   ChargeRequest and ChargeResult of avro/charges and avro/charge-results, ChargeEvent of avro/charge-events
//	pix.go      PixMessage and PixPayment of avro/pix-messages and avro/pix-payments
//	codec.go    their bodies
//	key.go      the file of keys; who may make what
//	mac.go      signing a record, and finding out who signed it
//
// A record is the Confluent frame (event.AppendFrame), the Avro body, and two headers: HeaderKey names the key
// and HeaderMAC is the MAC. Kafka does not say who wrote a record; the MAC does. It is over the topic, the key
// of the record and the body, so no record counts on another topic, for another bank, or with another body. It
// does not cover the frame, whose number belongs to one registry. A record that is sent again has the same MAC,
// and changes nothing, because its request id is the same.
package command
