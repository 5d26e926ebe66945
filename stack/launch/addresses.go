package launch

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"codebank.dev/native/process"
)

// DefaultBasePort is the base port unless another is chosen.
const DefaultBasePort = 17000

// PortCount is the number of ports that belong to one stack, from the base port on.
const PortCount = 100

// The ports, counted from the base port.
const (
	bankGRPC = iota
	bankHTTP
	statementGRPC
	statementHTTP
	checkoutGRPC
	checkoutHTTP
	codePixGRPC            = 6
	codePixHTTP            = 7
	identityGRPC           = 8
	identityHTTP           = 9
	secondBankGRPC         = 10
	secondBankHTTP         = 11
	secondStatementGRPC    = 12
	secondStatementHTTP    = 13
	paymentsHTTP           = 14
	processorHTTP          = 15
	gatewayHTTP            = 16
	bankingHTTP            = 19
	postgresPort           = 20
	kafkaPort              = 21
	kafkaControllerPort    = 22
	registryPort           = 23
	registryManagementPort = 24
	connectPort            = 25
	elasticsearchPort      = 26
	secondBankingHTTP      = 27
	dashboardsPort         = 28
	mailPort               = 29
	elasticsearchPeerPort  = 32
)

// Addresses are the addresses of the parts of one stack. All are on the loopback address.
type Addresses struct {
	// BasePort is the first port.
	BasePort int
}

// BankGRPC is the first bank's gRPC address, host:port.
func (a Addresses) BankGRPC() string { return a.host(bankGRPC) }

// BankHTTP is the first bank's HTTP address, host:port.
func (a Addresses) BankHTTP() string { return a.host(bankHTTP) }

// StatementGRPC is the first bank's statement service's gRPC address, host:port.
func (a Addresses) StatementGRPC() string { return a.host(statementGRPC) }

// StatementHTTP is the first bank's statement service's HTTP address, host:port.
func (a Addresses) StatementHTTP() string { return a.host(statementHTTP) }

// CheckoutGRPC is the checkout service's gRPC address, host:port.
func (a Addresses) CheckoutGRPC() string { return a.host(checkoutGRPC) }

// CheckoutHTTP is the checkout service's HTTP address, host:port.
func (a Addresses) CheckoutHTTP() string { return a.host(checkoutHTTP) }

// CodePixGRPC is the gRPC address of the hub of transfers between banks, host:port.
func (a Addresses) CodePixGRPC() string { return a.host(codePixGRPC) }

// CodePixHTTP is its HTTP address, host:port.
func (a Addresses) CodePixHTTP() string { return a.host(codePixHTTP) }

// IdentityGRPC is the gRPC address of the program that signs people in, host:port.
func (a Addresses) IdentityGRPC() string { return a.host(identityGRPC) }

// IdentityHTTP is its HTTP address, host:port.
func (a Addresses) IdentityHTTP() string { return a.host(identityHTTP) }

// GatewayHTTP is the HTTP address of the customers' gateway, host:port. It has no gRPC address.
func (a Addresses) GatewayHTTP() string { return a.host(gatewayHTTP) }

// PaymentsHTTP is the HTTP address of the payment gateway of merchants, host:port. It has no gRPC address.
func (a Addresses) PaymentsHTTP() string { return a.host(paymentsHTTP) }

// ProcessorHTTP is that of its processor, for probes and figures.
func (a Addresses) ProcessorHTTP() string { return a.host(processorHTTP) }

// Kafka is the broker's address, host:port.
func (a Addresses) Kafka() string { return a.host(kafkaPort) }

// Registry is the base URL of the schema registry.
func (a Addresses) Registry() string { return a.url(registryPort) }

// RegistryConfluent is the base URL of the registry's Confluent-compatible API.
func (a Addresses) RegistryConfluent() string { return a.Registry() + "/apis/ccompat/v7" }

// Connect is the base URL of Kafka Connect.
func (a Addresses) Connect() string { return a.url(connectPort) }

// Elasticsearch is the base URL of the search engine.
func (a Addresses) Elasticsearch() string { return a.url(elasticsearchPort) }

// Dashboards is the base URL of the dashboards' pages.
func (a Addresses) Dashboards() string { return a.url(dashboardsPort) }

func (a Addresses) port(offset int) int { return a.BasePort + offset }

func (a Addresses) host(offset int) string { return loopback(a.port(offset)) }

func (a Addresses) url(offset int) string { return "http://" + a.host(offset) }

// Ports lists the ports that a stack listens on.
func (a Addresses) Ports() []int {
	var ports []int
	for _, offset := range []int{
		bankGRPC, bankHTTP, statementGRPC, statementHTTP, checkoutGRPC, checkoutHTTP, codePixGRPC, codePixHTTP, identityGRPC, identityHTTP,
		secondBankGRPC, secondBankHTTP, secondStatementGRPC, secondStatementHTTP, paymentsHTTP, processorHTTP, gatewayHTTP, bankingHTTP,
		secondBankingHTTP, mailPort,
		postgresPort, kafkaPort, kafkaControllerPort, registryPort, registryManagementPort,
		connectPort, elasticsearchPort, elasticsearchPeerPort, dashboardsPort,
	} {
		ports = append(ports, a.port(offset))
	}
	return ports
}

// FreeBasePort returns a base port whose ports are all free now. Tests use it so that they do
// not meet a running stack.
func FreeBasePort() (int, error) {
	// Below the range that Linux uses for outgoing connections.
	const first, blocks, tries = 20000, 120, 50
	for range tries {
		base := first + PortCount*rand.IntN(blocks)
		if portsFree(Addresses{BasePort: base}.Ports()) {
			return base, nil
		}
	}
	return 0, errors.New("no range of free ports was found")
}

func portsFree(ports []int) bool {
	for _, port := range ports {
		if !process.PortFree(port) {
			return false
		}
	}
	return true
}

// checkBasePort returns an error if a port would be outside the valid range.
func checkBasePort(base int) error {
	const lowest, highest = 1024, 65535
	if base < lowest || base+PortCount-1 > highest {
		return fmt.Errorf("base port %d is not between %d and %d", base, lowest, highest-PortCount+1)
	}
	return nil
}
