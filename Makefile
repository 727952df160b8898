# Two commands on a fresh machine, `make demo` and `make test`; each sets itself up in .venv.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
ASIDE := $(VENV)-before

# Two releases of ROS 2 beside the one in .venv, with the versions that their Ubuntu has.
RELEASES := oldest jazzy
# Near Humble's NumPy 1.21.5, OpenCV 4.5.4 and pytest 6.2.5. There are no wheels of its ROS.
OLDEST_PYTHON ?= python3.10
OLDEST_PACKAGES := numpy==1.21.6 opencv-python-headless==4.5.5.64 pytest==6.2.5
# Jazzy with its ROS, in place of the one in setup.py: no two releases fit together.
JAZZY_PYTHON ?= python3.12
JAZZY_PACKAGES := numpy==1.26.4 opencv-python-headless==4.6.0.66 pytest==7.4.4 \
  setuptools==68.1.2 'ros-rclpy[fastrtps]==7.1.6' ros-lifecycle-msgs==2.0.3 \
  $(patsubst %,ros-%==5.3.6,diagnostic-msgs geometry-msgs nav-msgs sensor-msgs std-msgs std-srvs) \
  av colcon-core colcon-ros hypothesis onnx onnxruntime openvino safetensors
TEST_PACKAGES := 'pytest-xdist>=3.2' PyYAML tqdm

# A sourced ROS installation would mix its libraries with the ones in .venv.
unexport PYTHONPATH PYTHONHOME AMENT_PREFIX_PATH LD_LIBRARY_PATH RMW_IMPLEMENTATION
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE
# What a robot's shell says of its release and middleware does not hold for the ROS 2 in .venv
# either. ROS_DOMAIN_ID and ROS_AUTOMATIC_DISCOVERY_RANGE say who may look on: those stay.
unexport ROS_DISTRO ROS_LOCALHOST_ONLY ROS_DISCOVERY_SERVER ROS_SECURITY_ENABLE
unexport FASTDDS_DEFAULT_PROFILES_FILE FASTRTPS_DEFAULT_PROFILES_FILE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.NOTPARALLEL:
.PHONY: help demo test lint $(RELEASES) clean

help:
	@echo 'make demo   drive a virtual street: the real ROS 2 node, its masks and its figures'
	@echo "            (flags go in ARGS: make demo ARGS='--frames 30')"
	@echo 'make test   lint, type-check and test everything'
	@echo 'make lint   only lint and type-check'
	@echo 'make oldest test with NumPy, OpenCV and pytest of ROS 2 Humble (python3.10)'
	@echo 'make jazzy  test with ROS 2 Jazzy and its NumPy, OpenCV and pytest (python3.12)'
	@echo 'make clean  remove .venv and every build output'

demo: $(VENV)/.demo-stamp
	@$(RUN) -m espnet_ros demo $(ARGS)

# Much of a test's time is waiting, for a camera's next image or a process that starts.
test: lint
	@$(RUN) -m pytest -n 2 --dist worksteal $(ARGS)

lint: $(VENV)/.test-stamp
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy

$(RELEASES): %: $(VENV)-%/.stamp
	@$(VENV)-$*/bin/python -m pytest -n 2 --dist worksteal -p no:cacheprovider $(ARGS)

clean:
	rm -rf $(VENV) $(ASIDE) $(RELEASES:%=$(VENV)-%) $(RELEASES:%=$(VENV)-%-new)
	rm -rf build install log output *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The extra `test` holds the extra `demo`, so that stamp comes with it.
# .sound is absent from a .venv that a run was cut short in; the next run starts it afresh.
$(VENV)/.%-stamp: setup.py setup.cfg pyproject.toml
	@$(CHECK)
	@$(INSTALL)
	@touch $@ $(if $(filter test,$*),$(VENV)/.demo-stamp)

# Made beside the one that is there, which stays if this fails. Of what was moved, only scripts know
# their old place; `python -m` does not.
$(VENV)-oldest/.stamp: release := OLDEST
$(VENV)-jazzy/.stamp: release := JAZZY
$(RELEASES:%=$(VENV)-%/.stamp): %/.stamp: Makefile
	@$($(release)_PYTHON) -m venv --clear $*-new
	@$*-new/bin/python -m pip install --quiet $($(release)_PACKAGES) $(TEST_PACKAGES)
	@rm -rf $*
	@mv $*-new $*
	@touch $@

define CHECK
machine="$$(uname -s) $$(uname -m)"; \
if [ "$$machine" != 'Linux x86_64' ]; then \
  echo "ROS 2 comes as wheels for Linux x86_64 only, this is $$machine: install ROS 2 and use colcon build"; \
  exit 1; fi; \
if ! $(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))'; then \
  echo "espnet_ros needs Python 3.10 to 3.14, $(PYTHON) is $$($(PYTHON) --version 2>&1): name another with make PYTHON=..."; \
  exit 1; fi; \
if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
  echo "$(PYTHON) has no venv: install it (Debian and Ubuntu: apt install python3-venv)"; \
  exit 1; fi
endef

# Without a network pip changes nothing, so what was there stays in use: a sound .venv in its place,
# another one aside until the new one is done.
define INSTALL
put_back() { \
  if [ -e $(ASIDE) ] && [ ! -e $(VENV)/.sound ]; then rm -rf $(VENV); mv $(ASIDE) $(VENV); fi; }; \
put_back; \
trap put_back EXIT; \
trap 'exit 130' HUP INT TERM; \
if [ ! -e $(VENV)/.sound ]; then \
  echo 'Creating $(VENV)'; \
  if [ -e $(VENV) ]; then mv $(VENV) $(ASIDE); fi; \
  $(PYTHON) -m venv $(VENV) || exit 1; fi; \
rm -f $(VENV)/.sound; \
echo 'Installing what `make $*` needs into $(VENV) (once, some minutes)'; \
if ! $(RUN) -m pip install --quiet --editable '.[$*]'; then \
  if [ ! -e $(ASIDE) ]; then touch $(VENV)/.sound; fi; \
  echo 'What `make $*` needs could not be installed, as pip says above. $(VENV) is as it was before'; \
  exit 1; fi; \
touch $(VENV)/.sound; \
rm -rf $(ASIDE)
endef
