"""A storm: real programs, random fleets, faults of the provider, and the server killed at random, all drawn from one seed.

Each ends by letting things settle, and compares the provider's ledger with what the server says. Times are the wall's, so a seed draws the
same plan again, not the same run.
"""

import random
import shutil
import threading
import time
import urllib.request
import uuid

import grpc
from conftest import AS_USERS, CREATE, Server, Simulator, spec, wait_for

# The provider's clock runs so many times as fast as the wall's: a machine is up in seconds.
SPEED = 20
# The shortest window that the server takes.
SETTLE_SECONDS = 60
# From the last fault to rest: a create that is to be proven absent, one that comes later than it may, and the sweeps behind it.
REST_SECONDS = 4 * SETTLE_SECONDS
# Within which a call is answered at last: a server is down for seconds.
ANSWER_SECONDS = 60
# Between two looks at whether all is at rest: many storms go on at a time.
LOOK_SECONDS = 0.5
# Within which customers come, change their minds and servers die.
STORM_SECONDS = 10
# How long both of two machines may be billed when the provider was later than it may be: a sweep, proof, and a killed server before it.
OVERLAP_SECONDS = 45
INSTANCE = "/gpu-instance/openapi/v1/gpu/instance"
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
# One of them in ten seeds each; the other seven are plain.
REGIMES = {0: "late", 1: "two deployments", 2: "restored"}


class Customer:
    """Has one instance made, does something with it, and gives it up or keeps it."""

    def __init__(self, number, dice):
        self.name = f"c{number}"
        self.request_id = str(uuid.UUID(int=dice.getrandbits(128), version=4))
        self.arrives = dice.uniform(0, STORM_SECONDS / 2)
        self.changes = [(dice.choice(["stop", "start", "restart", "cancel"]), dice.uniform(0, 4)) for _ in range(dice.choice([0, 0, 1, 3]))]
        self.keeps = dice.random() < 0.4
        self.patience = dice.uniform(0, STORM_SECONDS)
        self.instance = None
        self.lifetime = dice.uniform(60, 90) if not self.keeps and dice.random() < 0.25 else None


class Deployment:
    """A server on a database of its own, which is killed and started again on one port, and its customers."""

    def __init__(self, storm, name, customers):
        self.storm, self.customers = storm, customers
        self.folder = storm.folder / name
        self.folder.mkdir()
        self.server = Server(
            self.folder, storm.simulator, SETTLE_WINDOW=str(SETTLE_SECONDS), REQUEST_TIMEOUT="1500", CACHE_TIMEOUT="3600",
            MAX_INSTANCES="20", MAX_HOURLY_SPEND="1000", MAX_CONCURRENT_JOBS=str(storm.dice.choice([1, 2, 8])),
        )
        self.server.start()
        self.server.environment["RPC_LISTEN"] = self.server.address
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        self.client = storm.api.connect(self.server.address, *AS_USERS, *options)
        self.failures = []

    def call(self, method, request):
        """As any client calls: again, with the same request id, until there is an answer."""
        until = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return method(request, timeout=10, wait_for_ready=True)
            except grpc.RpcError as error:
                if time.monotonic() > until or error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED):
                    raise

    # MARK: Customers

    def play(self, customer):
        try:
            self.storm.pause(customer.arrives)
            created = self.create(customer)
            for change, delay in customer.changes:
                self.storm.pause(delay)
                self.change(customer, created, change)
            if not customer.keeps and customer.lifetime is None:
                self.storm.pause(customer.patience)
                self.delete(customer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the storm has failed, and says it.
            self.failures.append(f"{customer.name}: {error}")

    def create(self, customer):
        api = self.storm.api
        request = api.instance.CreateInstanceRequest(request_id=customer.request_id, name=customer.name, spec=spec(api))
        if customer.lifetime:
            request.policies.max_lifetime.FromMilliseconds(int(customer.lifetime * 1000))
        created = self.call(self.client.instances.CreateInstance, request)
        customer.instance = created.instance.id
        return created

    def change(self, customer, created, change):
        api = self.storm.api.instance
        calls = {
            "stop": lambda: self.call(self.client.instances.StopInstance, api.StopInstanceRequest(id=customer.instance)),
            "start": lambda: self.call(self.client.instances.StartInstance, api.StartInstanceRequest(id=customer.instance)),
            "restart": lambda: self.call(self.client.instances.RestartInstance, api.RestartInstanceRequest(id=customer.instance)),
            "cancel": lambda: self.call(self.client.jobs.CancelJob, self.storm.api.job.CancelJobRequest(id=created.job.id)),
        }
        try:
            calls[change]()
        except grpc.RpcError as error:
            # It is not in the state for that.
            if error.code() not in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED, grpc.StatusCode.NOT_FOUND):
                raise

    def delete(self, customer):
        request = self.storm.api.instance.DeleteInstanceRequest(request_id=customer.request_id[::-1], id=customer.instance)
        try:
            self.call(self.client.instances.DeleteInstance, request)
        except grpc.RpcError as error:
            # A create that was cancelled has nothing more to delete.
            if error.code() not in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND):
                raise

    # MARK: Deaths

    def die(self, down):
        self.server.kill()
        self.storm.pause(down)
        self.server.start()

    def files(self):
        return [self.server.database.with_name(self.server.database.name + suffix) for suffix in ("", "-wal", "-shm")]

    def back_up(self, folder):
        """What a copy of the disk gives, taken while nobody writes."""
        self.server.kill()
        folder.mkdir()
        for file in self.files():
            if file.exists():
                shutil.copy(file, folder / file.name)
        self.server.start()

    def put_back(self, folder):
        self.server.kill()
        for file in self.files():
            file.unlink(missing_ok=True)
        for file in folder.iterdir():
            shutil.copy(file, self.server.database.parent / file.name)
        self.server.start()
        admin, api = self.client.admin, self.storm.api.admin
        info = self.call(admin.GetServerInfo, api.GetServerInfoRequest())
        self.call(admin.ActivateDeployment, api.ActivateDeploymentRequest(deployment_id=info.deployment_id, reason="put back"))

    # MARK: The end

    def instances(self):
        api = self.storm.api.instance
        return list(self.call(self.client.instances.ListInstances, api.ListInstancesRequest(page_size=1000, show_deleted=True)).instances)

    def is_at_rest(self):
        api = self.storm.api
        self.storm.pause(LOOK_SECONDS)
        jobs = self.call(self.client.jobs.ListJobs, api.job.ListJobsRequest(page_size=1000)).jobs
        if any(api.job.JobState.Name(job.state).removeprefix("JOB_STATE_") not in FINAL for job in jobs):
            return False
        wanted = {customer.instance for customer in self.customers if customer.keeps}
        for instance in self.instances():
            if instance.owed_machines or (instance.id not in wanted and self.is_living(instance)):
                return False
        return True

    def is_living(self, instance):
        return instance.state not in (self.storm.api.instance.INSTANCE_STATE_DELETED, self.storm.api.instance.INSTANCE_STATE_FAILED)


class Storm:
    def __init__(self, api, seed, folder):
        self.api, self.seed, self.folder = api, seed, folder
        self.dice = random.Random(seed)
        self.regime = REGIMES.get(seed % 10, "plain")
        self.kills = 0

    def pause(self, seconds):
        """The one place that waits for time itself: it is what a storm is made of."""
        time.sleep(seconds)

    def run(self):
        """What does not hold; empty when all is well."""
        self.folder.mkdir()
        self.simulator = Simulator(self.folder, speed=SPEED)
        self.simulator.start()
        deployments = []
        try:
            self.simulator.post("/_sim/stock", {"free": 1000})
            for number in range(2 if self.regime == "two deployments" else 1):
                customers = [Customer(f"{number}{place}", self.dice) for place in range(self.dice.randint(2, 4))]
                deployments.append(Deployment(self, f"d{number}", customers))
            return self.play(deployments)
        finally:
            for deployment in deployments:
                deployment.client.close()
                if deployment.server.process.poll() is None:
                    deployment.server.kill()
            self.simulator.stop()

    def play(self, deployments):
        self.arm()
        if self.regime == "restored":
            self.play_restored(deployments[0])
        else:
            threads = [
                threading.Thread(target=deployment.play, args=[customer], daemon=True)
                for deployment in deployments for customer in deployment.customers
            ]
            self.each(threads, lambda: self.kill_at_random(deployments))
        self.clear_faults()
        try:
            wait_for(lambda: all(deployment.is_at_rest() for deployment in deployments), REST_SECONDS, "all is at rest")
            wait_for(lambda: not self.found_in_ledger(deployments) or self.pause(LOOK_SECONDS), SETTLE_SECONDS, "the ledger agrees")
        except AssertionError as error:
            return [str(error), *self.found(deployments)]
        return self.found(deployments)

    @staticmethod
    def each(threads, meanwhile):
        for thread in threads:
            thread.start()
        meanwhile()
        for thread in threads:
            thread.join(REST_SECONDS)
        assert not any(thread.is_alive() for thread in threads), "a customer never came to an end"

    def kill_at_random(self, deployments):
        for _ in range(self.dice.randint(1, 5)):
            self.pause(self.dice.uniform(0, STORM_SECONDS / 3))
            self.dice.choice(deployments).die(self.dice.uniform(0, 2))
            self.kills += 1

    def play_restored(self, deployment):
        """Customers come before a backup and after it; then the disk is lost, and the backup put back."""
        early, late = deployment.customers[:1], deployment.customers[1:]
        # Who asks again for what the backup does not know asks for something new; the judge could not tell whose fault it was.
        for customer in deployment.customers:
            customer.changes, customer.lifetime, customer.arrives = [], None, customer.arrives / 4
        keeps = {customer: customer.keeps for customer in deployment.customers}
        for customer in deployment.customers:
            customer.keeps = True
        self.each([threading.Thread(target=deployment.play, args=[customer], daemon=True) for customer in early], lambda: None)
        deployment.back_up(self.folder / "backup")
        self.each([threading.Thread(target=deployment.play, args=[customer], daemon=True) for customer in late], lambda: None)
        wait_for(deployment.is_at_rest, REST_SECONDS, "what came after the backup has its machine")
        deployment.put_back(self.folder / "backup")
        self.kills += 2
        wait_for(
            lambda: {customer.instance for customer in deployment.customers} <= {instance.id for instance in deployment.instances()},
            SETTLE_SECONDS, "what was made after the backup is found again")
        for customer in deployment.customers:
            customer.keeps = keeps[customer]
            if not customer.keeps:
                deployment.delete(customer)

    # MARK: Faults

    def arm(self):
        virtual = SPEED * 1000
        late = self.dice.uniform(1, SETTLE_SECONDS - 20)
        if self.regime == "late":
            late = self.dice.uniform(SETTLE_SECONDS + 5, SETTLE_SECONDS + 20)
            self.simulator.arm(CREATE, "late", delay_ms=int(late * virtual))
        kinds = [
            ("drop_before", {}), ("drop_after", {}), ("late", {"delay_ms": int(min(late, SETTLE_SECONDS - 20) * virtual)}),
            ("status_before", {"status": 500}), ("status_after", {"status": 502}), ("html", {"status": 503}),
            ("rate_limit", {"retry_after": 1}), ("delay", {"delay_ms": int(self.dice.uniform(0.1, 3) * virtual)}),
        ]
        for _ in range(self.dice.randint(0, 3)):
            kind, more = self.dice.choice(kinds)
            self.simulator.arm(CREATE, kind, **more)
        for path, method in [(f"{INSTANCE}/delete", "POST"), (f"{INSTANCE}/start", "POST"), (f"{INSTANCE}/stop", "POST"), (INSTANCE, "GET")]:
            for _ in range(self.dice.randint(0, 2)):
                kind, more = self.dice.choice([entry for entry in kinds if entry[0] != "late"])
                self.simulator.arm(path, kind, method=method, **more)
        if self.dice.random() < 0.5:
            lag = int(self.dice.uniform(1, 10) * virtual)
            self.simulator.arm(f"{INSTANCE}s", "stale_list", times=self.dice.randint(1, 8), method="GET", delay_ms=min(lag, 60_000))
        if self.dice.random() < 0.3:
            self.simulator.arm(f"{INSTANCE}s", "short_page", times=self.dice.randint(1, 4), method="GET")

    def clear_faults(self):
        request = urllib.request.Request(f"http://{self.simulator.address}/_sim/faults", method="DELETE")
        urllib.request.urlopen(request, timeout=10).close()

    # MARK: The judge

    def found_in_ledger(self, deployments):
        """Machines nobody wants, wanted ones that are not there, and requests with more than one."""
        customers = {customer.instance: customer for deployment in deployments for customer in deployment.customers}
        wasted = {instance.id: instance.wasted_cost.micros for deployment in deployments for instance in deployment.instances()}
        machines = {}
        found = []
        for machine in self.simulator.ledger():
            owner = machine["name"].split(".")[1]
            if owner not in customers:
                found.append(f"{machine['id']} of {machine['name']} belongs to nobody")
            machines.setdefault(owner, []).append(machine)
        for instance, customer in customers.items():
            mine = machines.get(instance, [])
            living = [machine for machine in mine if not machine["released"]]
            if len(living) != (1 if self.is_wanted(customer, deployments) else 0):
                found.append(f"{customer.name} has {len(living)} machines, and {'keeps' if customer.keeps else 'gave up'} its own")
            if len(mine) < 2:
                continue
            if self.regime != "late":
                found.append(f"{customer.name} had {len(mine)} machines for one request")
            elif not wasted.get(instance):
                found.append(f"{customer.name} had {len(mine)} machines, and nothing is accounted as waste")
            elif self.overlap(mine) > OVERLAP_SECONDS:
                found.append(f"{customer.name} had two machines for {self.overlap(mine):.0f} s")
        return found

    def is_wanted(self, customer, deployments):
        """Kept, and not cancelled before it was there."""
        if not customer.keeps:
            return False
        for deployment in deployments:
            for instance in deployment.instances():
                if instance.id == customer.instance:
                    return deployment.is_living(instance)
        return True

    @staticmethod
    def overlap(machines):
        """Seconds of the wall during which all but one of them were too many."""
        now = max(machine["released"] or machine["created"] for machine in machines)
        spans = sorted((machine["created"], machine["released"] or now) for machine in machines)
        return sum(max(0, min(first[1], second[1]) - second[0]) for first, second in zip(spans, spans[1:])) / SPEED

    def found(self, deployments):
        found = [failure for deployment in deployments for failure in deployment.failures]
        found += self.found_in_ledger(deployments)
        for deployment in deployments:
            names = [instance.name for instance in deployment.instances()]
            ids = {instance.id for instance in deployment.instances()}
            found += [f"{customer.name} has no instance" for customer in deployment.customers if customer.instance not in ids]
            if self.regime != "restored" and len(names) != len(deployment.customers):
                found.append(f"{len(deployment.customers)} requests made the instances {names}")
            found += [
                f"{instance.name} wasted {instance.wasted_cost.micros}"
                for instance in deployment.instances() if self.regime != "late" and instance.wasted_cost.micros
            ]
        return found
