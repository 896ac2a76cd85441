"""What goes over the wire, as types: the bodies and answers of the services, from which their description is made."""
