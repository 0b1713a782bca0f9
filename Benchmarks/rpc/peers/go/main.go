// GetInstance in grpc-go: the peer that `Benchmarks/run rpc` measures novitaid beside.
//
//	grpc-go PORT INSTANCE TOKENS [CERTIFICATE KEY]
//
// INSTANCE is a file with one encoded novitai.v1.Instance, the only one that it knows. TOKENS has a line for each bearer token:
// the SHA-256 of the token in hexadecimal digits, and the role of its principal. With CERTIFICATE and KEY it serves TLS.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/ioutil"
	"log"
	"net"
	"os"
	"strings"

	"github.com/golang/protobuf/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	novitaiv1 "novitai.dev/proto/novitai/v1"
)

const maximumConcurrentStreams = 1000 // as novitaid allows

// identity holds the role of each bearer token, known by its hash only.
type identity map[[sha256.Size]byte]string

func readIdentity(path string) (identity, error) {
	text, err := ioutil.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roles := identity{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		columns := strings.Fields(line)
		if len(columns) != 2 {
			return nil, fmt.Errorf("%s: a line needs a hash and a role", path)
		}
		var hash [sha256.Size]byte
		if _, err := hex.Decode(hash[:], []byte(columns[0])); err != nil {
			return nil, err
		}
		roles[hash] = columns[1]
	}
	return roles, nil
}

func (roles identity) check(ctx context.Context) error {
	incoming, _ := metadata.FromIncomingContext(ctx)
	values := incoming.Get("authorization")
	if len(values) == 0 || !strings.HasPrefix(values[0], "Bearer ") {
		return status.Error(codes.Unauthenticated, "no bearer token")
	}
	role, known := roles[sha256.Sum256([]byte(strings.TrimPrefix(values[0], "Bearer ")))]
	if !known {
		return status.Error(codes.Unauthenticated, "unknown token")
	}
	switch role {
	case "viewer", "operator", "admin":
		return nil
	default:
		return status.Error(codes.PermissionDenied, "the role may not read instances")
	}
}

// admit is the interceptor that refuses a call whose deadline has passed or whose token is unknown.
func (roles identity) admit(
	ctx context.Context, request interface{}, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (interface{}, error) {
	if err := ctx.Err(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	if err := roles.check(ctx); err != nil {
		return nil, err
	}
	return handler(ctx, request)
}

type instanceService struct {
	novitaiv1.UnimplementedInstanceServiceServer
	instances map[string]*novitaiv1.Instance
}

func readInstances(path string) (map[string]*novitaiv1.Instance, error) {
	bytes, err := ioutil.ReadFile(path)
	if err != nil {
		return nil, err
	}
	instance := &novitaiv1.Instance{}
	if err := proto.Unmarshal(bytes, instance); err != nil {
		return nil, err
	}
	if instance.Spec == nil || instance.Upstream == nil || instance.Placement == nil || instance.Placement.HourlyPrice == nil {
		return nil, fmt.Errorf("%s: not the record of a running instance", path)
	}
	return map[string]*novitaiv1.Instance{instance.Id: instance}, nil
}

func (service *instanceService) GetInstance(_ context.Context, request *novitaiv1.GetInstanceRequest) (*novitaiv1.Instance, error) {
	instance, known := service.instances[request.Id]
	if !known {
		return nil, status.Errorf(codes.NotFound, "no instance %s", request.Id)
	}
	return replyWith(instance), nil
}

// replyWith makes the message of one reply, as a service makes it from its own records. proto.Clone does the same by reflection,
// at a fifth of the cost of the whole call, which would be unfair to grpc-go. Strings are shared, as they always are in Go.
func replyWith(instance *novitaiv1.Instance) *novitaiv1.Instance {
	reply, spec, placement, upstream := *instance, *instance.Spec, *instance.Placement, *instance.Upstream
	price := *instance.Placement.HourlyPrice
	placement.HourlyPrice = &price
	spec.Ports = nil
	for _, port := range instance.Spec.Ports {
		copied := *port
		spec.Ports = append(spec.Ports, &copied)
	}
	reply.Endpoints = nil
	for _, endpoint := range instance.Endpoints {
		copied := *endpoint
		reply.Endpoints = append(reply.Endpoints, &copied)
	}
	reply.Labels = make(map[string]string, len(instance.Labels))
	for key, value := range instance.Labels {
		reply.Labels[key] = value
	}
	reply.Spec, reply.Placement, reply.Upstream = &spec, &placement, &upstream
	return &reply
}

func serve(port, instancePath, tokensPath string, certificate []string) error {
	roles, err := readIdentity(tokensPath)
	if err != nil {
		return err
	}
	instances, err := readInstances(instancePath)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	options := []grpc.ServerOption{grpc.MaxConcurrentStreams(maximumConcurrentStreams), grpc.UnaryInterceptor(roles.admit)}
	if len(certificate) == 2 {
		tls, err := credentials.NewServerTLSFromFile(certificate[0], certificate[1])
		if err != nil {
			return err
		}
		options = append(options, grpc.Creds(tls))
	}
	server := grpc.NewServer(options...)
	novitaiv1.RegisterInstanceServiceServer(server, &instanceService{instances: instances})
	return server.Serve(listener)
}

func main() {
	if len(os.Args) != 4 && len(os.Args) != 6 {
		log.Fatal("usage: grpc-go PORT INSTANCE TOKENS [CERTIFICATE KEY]")
	}
	if err := serve(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		log.Fatal(err)
	}
}
