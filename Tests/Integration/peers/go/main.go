// A peer of the interoperability tests, made with Debian's grpc-go: `peer server` prints its port, `peer client PORT CASE,CASE…` prints a
// verdict for each case.
package main

import (
	"fmt"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc"

	pb "peer/grpc/testing"
	orca "peer/xds/service/orca/v3"
)

const usage = "usage: peer server | peer client PORT CASE,CASE..."

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "server":
		serve()
	case len(os.Args) == 4 && os.Args[1] == "client":
		call("127.0.0.1:"+os.Args[2], strings.Split(os.Args[3], ","))
	default:
		fail(usage)
	}
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	server := grpc.NewServer(grpc.StatsHandler(flags{}), grpc.MaxConcurrentStreams(100))
	loads := &loads{}
	pb.RegisterTestServiceServer(server, &service{loads: loads})
	orca.RegisterOpenRcaServiceServer(server, loads)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	fail(server.Serve(listener))
}

func call(address string, names []string) {
	failed := false
	for _, name := range names {
		if err := run(address, name); err != nil {
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

func run(address, name string) error {
	body, ok := cases[name]
	if !ok {
		return fmt.Errorf("unknown case")
	}
	connection, err := dial(address)
	if err != nil {
		return err
	}
	defer connection.Close()
	return body(&client{address: address, connection: connection, TestServiceClient: pb.NewTestServiceClient(connection)})
}

func dial(address string) (*grpc.ClientConn, error) {
	return grpc.Dial(address, grpc.WithInsecure())
}

func fail(reason interface{}) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(2)
}
