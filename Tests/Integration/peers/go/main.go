// A peer of the interoperability tests, made with Debian's grpc-go: `peer server` prints its port, `peer client PORT CASE,CASE…` prints a
// verdict for each case. With files in PEM they speak TLS: the server's certificate and its key, the authority that the client trusts.
package main

import (
	"fmt"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	pb "peer/grpc/testing"
	orca "peer/xds/service/orca/v3"
)

const usage = "usage: peer server [CERTIFICATE KEY] | peer client PORT CASE,CASE... [AUTHORITY]"

func main() {
	role, arguments := "", []string{}
	if len(os.Args) > 1 {
		role, arguments = os.Args[1], os.Args[2:]
	}
	switch {
	case role == "server" && len(arguments) == 0:
		serve()
	case role == "server" && len(arguments) == 2:
		security, err := credentials.NewServerTLSFromFile(arguments[0], arguments[1])
		if err != nil {
			fail(err)
		}
		serve(grpc.Creds(security))
	case role == "client" && len(arguments) == 2:
		call(target{"127.0.0.1:" + arguments[0], grpc.WithInsecure()}, arguments[1])
	case role == "client" && len(arguments) == 3:
		security, err := credentials.NewClientTLSFromFile(arguments[2], "")
		if err != nil {
			fail(err)
		}
		call(target{"127.0.0.1:" + arguments[0], grpc.WithTransportCredentials(security)}, arguments[1])
	default:
		fail(usage)
	}
}

func serve(security ...grpc.ServerOption) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	server := grpc.NewServer(append(security, grpc.StatsHandler(flags{}), grpc.MaxConcurrentStreams(100))...)
	loads := &loads{}
	pb.RegisterTestServiceServer(server, &service{loads: loads})
	orca.RegisterOpenRcaServiceServer(server, loads)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	fail(server.Serve(listener))
}

func call(server target, names string) {
	failed := false
	for _, name := range strings.Split(names, ",") {
		if err := run(server, name); err != nil {
			failed = true
			fmt.Printf("FAILED: %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Printf("OK: %s\n", name)
		}
	}
	if failed {
		os.Exit(1)
	}
}

func run(server target, name string) error {
	body, ok := cases[name]
	if !ok {
		return fmt.Errorf("unknown case")
	}
	connection, err := server.dial()
	if err != nil {
		return err
	}
	defer connection.Close()
	return body(&client{server: server, connection: connection, TestServiceClient: pb.NewTestServiceClient(connection)})
}

// target is where a server is, and how to speak to it.
type target struct {
	address  string
	security grpc.DialOption
}

func (t target) dial() (*grpc.ClientConn, error) { return grpc.Dial(t.address, t.security) }

func fail(reason interface{}) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(2)
}
